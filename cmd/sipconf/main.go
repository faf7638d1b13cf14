package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"

	"github.com/sipconf/sipconf/dialout/groups"
)

// The exit statuses of sipconf.
const (
	exitGood  = 0
	exitFault = 1 // the command found something wrong, or could not do its work
	exitUsage = 2 // the command line itself is wrong

	exitNobody = 3 // of ctl: no server answers
)

// A process is what a command has of the world: where it writes, and its environment.
// Tests make their own.
type process struct {
	stdout, stderr io.Writer
	environ        []string // as os.Environ gives it: NAME=VALUE
	// trouble is what keeps this machine from having a store of groups, as groups.Trouble says.  nil: nothing does.
	trouble func(store string) error
}

// errSilent ends a command with exitFault when it has already said everything there is to say.
var errSilent = errors.New("")

// commands is the command line.  Kong reads the tags; each command's Run does its work.
type commands struct {
	Serve   serveCmd   `cmd:"" help:"Run the conference server until SIGINT or SIGTERM."`
	Demo    demoCmd    `cmd:"" help:"Run the server with three callers who talk to each other, and check what each of them hears."`
	Check   checkCmd   `cmd:"" help:"Say what is wrong with a configuration, each fault with its line and key."`
	Ctl     ctlCmd     `cmd:"" help:"Talk to the server that runs: how it does, who is in which room; mute and hang up."`
	Groups  groupsCmd  `cmd:"" help:"Say who belongs to which group, and change it."`
	Version versionCmd `cmd:"" help:"Say which version this is."`
}

const description = `A conference server for telephones: SIP and RTP in one program.

Every setting has a default, so "sipconf serve" runs without a configuration. Settings come from config.yaml, ` +
	`and environment variables override it: SIPCONF_SIP_LISTEN is sip.listen. "sipconf check --print" shows what is in effect.

Exit status: 0 good, 1 a fault, 2 a wrong command line; of ctl 3, no server answers.`

func main() {
	p := &process{stdout: os.Stdout, stderr: os.Stderr, environ: os.Environ(), trouble: groups.Trouble}
	os.Exit(run(p, os.Args[1:]))
}

// run is one run of the program.  It returns the exit status.
func run(p *process, args []string) int {
	// Kong asks to exit after it has written a --help, and goes on parsing if we do not.
	helped := false
	parser, err := kong.New(&commands{},
		kong.Name("sipconf"),
		kong.Description(description),
		kong.Writers(p.stdout, p.stderr),
		kong.Exit(func(int) { helped = true }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.Bind(p),
	)
	if err != nil {
		panic(err) // the tags above are wrong
	}
	command, err := parser.Parse(args)
	switch {
	case helped:
		return exitGood
	case err != nil:
		fmt.Fprintf(p.stderr, "sipconf: %v\nRun \"sipconf --help\" to see what there is.\n", err)
		return exitUsage
	}
	if err := command.Run(); err != nil {
		if !errors.Is(err, errSilent) {
			fmt.Fprintf(p.stderr, "sipconf: %v\n", err)
		}
		if errors.As(err, new(errNobody)) {
			return exitNobody
		}
		return exitFault
	}
	return exitGood
}
