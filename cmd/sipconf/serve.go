package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// closeTime is how long callers get to answer a BYE when the server ends.
const closeTime = 4 * time.Second

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
	log := newLogger(p.stderr, cfg.Log)
	for _, warning := range warnings {
		log.Warn("configuration", "err", warning.String())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s, err := newServer(cfg, log)
	if err != nil {
		return err
	}
	log.Info("sipconf is serving", "version", ownVersion(), "listen", enumerate(s.Addrs()), "rtp", portsForm.write(cfg.Media.Ports))
	<-ctx.Done()
	stop() // from here on a signal has its usual effect
	log.Info("ending: no new calls, hanging up", "calls", s.ua.Calls())
	ending, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	if err := s.Close(ending); err != nil {
		log.Warn("some callers did not answer the goodbye", "err", err)
	}
	log.Info("ended")
	return nil
}
