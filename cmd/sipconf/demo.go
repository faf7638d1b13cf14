package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// demoCmd is `sipconf demo`.
type demoCmd struct {
	Exit bool   `help:"End after the check."`
	WAV  string `help:"Where to write what the first caller hears." name:"wav" placeholder:"FILE" default:"demo.wav"`
}

func (*demoCmd) Help() string {
	return `The server runs on the loopback with its default settings, whatever config.yaml says. Anna, Boris and Clara join ` +
		`room ` + demoRoom + ` by SIP and RTP and speak in turns; the demo measures that each hears the other two and never ` +
		`himself. Then it goes on, and a softphone on this machine may join them, until Ctrl-C. ` +
		`The exit status is 0 if the check was good and 1 if not.`
}

// Run is the demo on this process's terminal, until Ctrl-C.
func (c *demoCmd) Run(p *process) error {
	ctx, end := untilSignal()
	defer end()
	screen := newScreen(p.stdout)
	defer screen.close()
	var log io.Writer = p.stderr
	if screen.live() {
		log = screen
	}
	return c.run(ctx, screen, newLogger(log, LogConfig{Level: slog.LevelWarn, Format: logText}))
}

// run is the demo until ctx ends.  It returns errSilent when the check was bad: the screen has it.
func (c *demoCmd) run(ctx context.Context, screen *screen, log *slog.Logger) error {
	server, err := startDemoServer(screen, log)
	if err != nil {
		return err
	}
	defer closeDemoServer(server, log)
	cast := newCast(callers)
	defer cast.close()

	// The roster is drawn by a goroutine of its own, which ends before the server closes.
	var drawing sync.WaitGroup
	drawn, undraw := context.WithCancel(ctx)
	drawing.Go(func() { drawRoster(drawn, screen, server) })
	defer drawing.Wait()
	defer undraw()

	good, err := c.perform(ctx, screen, server, cast)
	switch {
	case ctx.Err() != nil:
		return errors.New("stopped before the check was over")
	case err != nil:
		return err
	case !c.Exit:
		sayAddresses(screen, sipAddr(server))
		cast.goOn(ctx)
	}
	if !good {
		return errSilent
	}
	return nil
}

// perform is the demo up to its verdict, which it says and returns.
func (c *demoCmd) perform(ctx context.Context, screen *screen, server *server, cast *cast) (good bool, err error) {
	if err := cast.join(ctx, screen, sipAddr(server)); err != nil {
		return false, err
	}
	good = checkRoster(screen, server, cast)
	for _, scene := range cast.scenes() {
		heard, err := patiently(screen, func() ([]verdict, error) { return cast.play(ctx, scene) })
		if err != nil {
			return false, err
		}
		good = good && heard
	}
	if err := c.keepSound(screen, cast); err != nil {
		return false, err
	}
	if good {
		screen.say("The check is good: everybody heard the others and never himself.")
	} else {
		screen.say("The check is BAD: somebody did not hear what he should, see above.")
	}
	return good, nil
}

// tries is how often a scene is played before a bad outcome counts. A machine that has just been
// started may be so busy with other things that a frame comes too late, which is no fault of ours.
const tries = 3

// patiently plays a scene, says the verdicts, and repeats it while they are bad, up to tries times.
func patiently(screen *screen, play func() ([]verdict, error)) (good bool, err error) {
	for try := 1; ; try++ {
		verdicts, err := play()
		if err != nil {
			return false, err
		}
		good := len(verdicts) > 0
		for _, v := range verdicts {
			screen.say("%s", v)
			good = good && v.good()
		}
		if good || try == tries {
			return good, nil
		}
		screen.say("That may be because this machine is busy, so once more (%d of %d).", try+1, tries)
	}
}

// keepSound writes what the first caller heard.
func (c *demoCmd) keepSound(screen *screen, cast *cast) error {
	path, err := filepath.Abs(c.WAV)
	if err != nil {
		path = c.WAV
	}
	length, err := cast.writeWAV(path)
	if err != nil {
		return fmt.Errorf("writing what %s heard: %w", cast.callers[0].name, err)
	}
	screen.say("What %s heard is in %s, %.1f s.", cast.callers[0].name, path, length.Seconds())
	return nil
}

// checkRoster says whether the server itself knows who is in the room.
func checkRoster(screen *screen, server *server, cast *cast) bool {
	inside := map[string]bool{}
	for _, a := range rosterOf(server).present {
		inside[a.name+" "+a.number] = true
	}
	for _, c := range cast.callers {
		if !inside[c.name+" "+c.number] {
			screen.say("%s (%s) is not on the server's roster, which has %d", c.name, c.number, len(inside))
			return false
		}
	}
	return true
}

// drawRoster draws the roster ten times a second until ctx ends, and once more then.
func drawRoster(ctx context.Context, screen *screen, server *server) {
	if !screen.live() {
		return
	}
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		screen.draw(rosterOf(server))
		select {
		case <-ctx.Done():
			screen.draw(rosterOf(server))
			return
		case <-ticker.C:
		}
	}
}

// untilSignal is a context that SIGINT or SIGTERM ends. From then on a second signal has its usual
// effect, and unless end is called within endTime the process exits with exitFault: whoever stops a
// server need not know that, say, nobody reads its log any more and every line waits for ever.
func untilSignal() (ctx context.Context, end func()) {
	caught, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	context.AfterFunc(caught, func() { // ends with end, or the process with it
		defer endWithin(endTime)() // before anybody knows of the first signal, so that the second one is not taken for it
		cancel()
		<-ended
	})
	return ctx, sync.OnceFunc(func() { close(ended); stop() })
}
