package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

const (
	closeTime = 4 * time.Second // how long callers get to answer a BYE when the server ends
	endTime   = 5 * time.Second // after a signal, however stuck the server is
)

// serveCmd is `sipconf serve`.
type serveCmd struct {
	configFlag
}

// Run serves until SIGINT or SIGTERM. A second signal ends it at once.
func (c *serveCmd) Run(p *process) error {
	cfg, warnings, err := c.load(p.environ)
	var wrong faults
	if errors.As(err, &wrong) {
		fmt.Fprintln(p.stderr, wrong)
		return errSilent
	}
	if err != nil {
		return err
	}
	ctx, end := untilSignal()
	defer end()
	log := newLogger(p.stderr, cfg.Log)
	for _, warning := range append(warnings, recordingsTrouble(cfg)...) {
		log.Warn("configuration", "err", warning.String())
	}
	saveMemory()
	allowFiles(cfg, log)
	beNice(cfg.Media.Nice, log)
	s, err := newServer(cfg, log)
	if err != nil {
		return err
	}
	log.Info("sipconf is serving", "version", ownVersion(), "listen", enumerate(s.Addrs()), "rtp", portsForm.write(cfg.Media.Ports),
		"ctl", s.door.Path())
	<-ctx.Done()
	log.Info("ending: no new calls, hanging up", "calls", s.ua.Calls())
	ending, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	if err := s.Close(ending); err != nil {
		log.Warn("some callers did not answer the goodbye", "err", err)
	}
	log.Info("ended")
	return nil
}

// untilSignal is a context that SIGINT or SIGTERM ends. From then on a second signal has its usual
// effect, and unless end is called within endTime the process exits with exitFault: whoever stops a
// server need not know that, say, nobody reads its log any more and every line waits for ever.
func untilSignal() (ctx context.Context, end func()) {
	caught, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	context.AfterFunc(caught, func() { // ends with end, or the process with it
		stop() // before anybody knows of the first signal, so that the second one is not taken for it
		cancel()
		late := time.NewTimer(endTime)
		defer late.Stop()
		select {
		case <-ended:
		case <-late.C:
			os.Exit(exitFault)
		}
	})
	return ctx, sync.OnceFunc(func() { close(ended); stop() })
}
