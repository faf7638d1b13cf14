package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/sipconf/sipconf/control"
)

// ctlCmd is `sipconf ctl`: it talks to the server that runs. A command of it is a field here, whose Run asks and shows, and a row of
// the table in control/commands.go, which answers.
type ctlCmd struct {
	configFlag
	Socket string `help:"The control socket of the server, whatever the configuration says." placeholder:"PATH"`
	JSON   bool   `name:"json" help:"Write the answer as JSON. The names in it stay: docs/operations.md has them."`

	Status ctlStatusCmd `cmd:"" help:"Say how the server does."`
	Rooms  ctlRoomsCmd  `cmd:"" help:"Say which rooms there are, and who is in them."`
	Links  ctlLinksCmd  `cmd:"" help:"Say how the links do, the lines to other conferences."`
	Kick   ctlKickCmd   `cmd:"" help:"Hang up a call that is in a room."`
	Mute   ctlMuteCmd   `cmd:"" help:"Keep a room from hearing a call, as a host would: the caller cannot undo it."`
	Unmute ctlUnmuteCmd `cmd:"" help:"Let a room hear a call again."`

	Upgrade ctlUpgradeCmd `cmd:"" help:"Have the program and the configuration that are there now take over, with every call."`
	Drain   ctlDrainCmd   `cmd:"" help:"Take no new calls but to rooms that live, and end the server with its last call."`
}

func (*ctlCmd) Help() string {
	return `The server has a socket for this, ctl.socket of its configuration, which only root and the server's own user may open: ` +
		`give the same --config as to "sipconf serve". Faults elsewhere in that file do not matter here.

Exit status: 0 it is done, 1 the server says no (no such room, no such call), 2 a wrong command line, 3 no server answers.`
}

// errNobody ends a command with exitNobody.
type errNobody struct{ error }

// ask has the server carry out a command, and shows its answer: by show, or with --json as it came.
func ask[T any](p *process, c *ctlCmd, command control.Command, about any, show func(w io.Writer, answer T) error) error {
	path, err := c.socket(p.environ)
	if err != nil {
		return err
	}
	ctx, end := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer end()
	var came json.RawMessage
	err = control.Client{Path: path, Time: answerTimes[command]}.Ask(ctx, command, about, &came)
	switch {
	case errors.Is(err, control.ErrNobody):
		return errNobody{err}
	case err != nil:
		return err
	case c.JSON:
		var lines bytes.Buffer
		if err := json.Indent(&lines, came, "", "  "); err != nil {
			return err
		}
		_, err := fmt.Fprintln(p.stdout, &lines)
		return err
	}
	var answer T
	if err := json.Unmarshal(came, &answer); err != nil {
		return fmt.Errorf("the server's answer is not understood: it is another version: %w", err)
	}
	return show(p.stdout, answer)
}

// answerTimes are how long a server may take for commands that take longer than all others.
var answerTimes = map[control.Command]time.Duration{control.Upgrade: control.UpgradeTime}

// socket is where the server is.
func (c *ctlCmd) socket(environ []string) (path string, err error) {
	if c.Socket != "" {
		return c.Socket, nil
	}
	name, text, err := c.read()
	if err != nil {
		return "", err
	}
	cfg, found := parseConfig(name, text, environ)
	_, wrong := found.split()
	for _, f := range wrong {
		// The other faults are of no concern: the server runs, and whoever edits its file may have got so far.
		if f.path == "" || f.path == "ctl" || f.path == "ctl.socket" {
			return "", fmt.Errorf("where the socket is cannot be read, name it with --socket: %s", f)
		}
	}
	if cfg.Ctl.Socket == "" {
		return "", errors.New("ctl.socket is empty in the configuration, so that the server has none")
	}
	return cfg.Ctl.Socket, nil
}

type ctlStatusCmd struct{}

// Run shows how the server does.
func (*ctlStatusCmd) Run(p *process, c *ctlCmd) error {
	return ask(p, c, control.ShowStatus, nil, sight{time.Now()}.status)
}

type ctlRoomsCmd struct{}

// Run shows the rooms.
func (*ctlRoomsCmd) Run(p *process, c *ctlCmd) error {
	return ask(p, c, control.ShowRooms, nil, sight{time.Now()}.rooms)
}

type ctlLinksCmd struct{}

// Run shows the links.
func (*ctlLinksCmd) Run(p *process, c *ctlCmd) error {
	return ask(p, c, control.ShowLinks, nil, sight{time.Now()}.links)
}

// whomArgs say which call is meant.
type whomArgs struct {
	Room string `arg:"" help:"The room's number."`
	Who  string `arg:"" name:"call-or-number" help:"The number of somebody in it, or the id of his call, which \"sipconf ctl rooms\" shows."`
}

func (a whomArgs) whom() control.Whom { return control.Whom{Room: a.Room, Who: a.Who} }

type ctlKickCmd struct{ whomArgs }

// Run hangs up a call.
func (k *ctlKickCmd) Run(p *process, c *ctlCmd) error {
	return ask(p, c, control.Kick, k.whom(), showKicked)
}

type ctlMuteCmd struct{ whomArgs }

func (*ctlMuteCmd) Help() string {
	return `It is the mute of a host, for one call, also a host's: the caller is told, and his own key does not undo it. It ends with "sipconf ctl unmute", ` +
		`when a host mutes all or lets all speak, and when somebody else is on the call.`
}

// Run mutes a call.
func (m *ctlMuteCmd) Run(p *process, c *ctlCmd) error {
	return ask(p, c, control.Mute, m.whom(), showSilenced)
}

type ctlUnmuteCmd struct{ whomArgs }

func (*ctlUnmuteCmd) Help() string {
	return `Whom a host has muted, with all others or not, is heard again. Who has muted himself stays so: nobody else opens his microphone.`
}

// Run lets a call be heard.
func (u *ctlUnmuteCmd) Run(p *process, c *ctlCmd) error {
	return ask(p, c, control.Unmute, u.whom(), showSilenced)
}

type ctlUpgradeCmd struct {
	Wait bool `help:"Answer when it is over, and not when it has begun; the exit status is 1 if the server that was there goes on."`
}

func (*ctlUpgradeCmd) Help() string {
	return `Nobody who is in a call notices. The program is the file that the server was started from: put the new one there first, by a rename. If the new one does not ` +
		`start, does not like the configuration, or does not understand what it is given, the old one goes on.`
}

// Run has another process take over.
func (u *ctlUpgradeCmd) Run(p *process, c *ctlCmd) error {
	return ask(p, c, control.Upgrade, control.Wait{Wait: u.Wait}, showUpgraded)
}

type ctlDrainCmd struct {
	Within time.Duration `default:"1h" placeholder:"TIME" help:"When to end with those calls that there are still, 0 for never (default: 1h)."`
}

// Run ends the server with its last call.
func (d *ctlDrainCmd) Run(p *process, c *ctlCmd) error {
	return ask(p, c, control.Drain, control.Within{Seconds: d.Within.Seconds()}, sight{time.Now()}.draining)
}
