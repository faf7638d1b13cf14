package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
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
	Drain   time.Duration `help:"On SIGTERM take no new calls but to rooms that live, and end when the last call has ended, or after that time." placeholder:"1h"`
	PIDFile string        `name:"pid-file" help:"Where the number of the process stands. It is another one after an upgrade." placeholder:"FILE"`
}

func (*serveCmd) Help() string {
	return `SIGHUP is "sipconf ctl upgrade": the program and the configuration that are there now take over, with every call. SIGINT ends the server, and so does ` +
		`SIGTERM without --drain; with it the second one does. One more ends it at once.`
}

// Run serves until it is ended by a signal, or by "sipconf ctl drain", or until another process has taken over.
func (c *serveCmd) Run(p *process) error {
	own, err := newGeneration(c.PIDFile)
	if err == nil {
		err = c.serve(p, own)
	}
	if err == nil {
		return nil
	}
	own.fail(err)
	var wrong faults
	if errors.As(err, &wrong) {
		fmt.Fprintln(p.stderr, wrong)
		return errSilent
	}
	return err
}

func (c *serveCmd) serve(p *process, own *generation) (err error) {
	cfg, warnings, err := c.load(p.environ)
	if err != nil {
		return err
	}
	lines := newLogQueue(p.stderr, func(w io.Writer, lost int) {
		newLogger(w, cfg.Log).Warn("lines of this log are lost: nobody has read it for a while", "lines", lost)
	})
	defer lines.flush(flushTime)
	defer func() { own.fail(err) }() // at once: who waits for it does so while nobody hears anything
	log := newLogger(lines, cfg.Log)
	for _, warning := range append(warnings, recordingsTrouble(cfg)...) {
		log.Warn("configuration", "err", warning.String())
	}
	saveMemory()
	allowFiles(cfg, log)
	beNice(cfg.Media.Nice, log)
	heard := hearSignals()
	s, err := newServer(cfg, log, own)
	if err != nil {
		return err
	}
	if !s.silent.IsZero() {
		log.Info("took over from the process before", "calls", len(s.restored), "still_for", s.stillFor)
	}
	log.Info("sipconf is serving", "version", ownVersion(), "listen", enumerate(s.Addrs()), "rtp", portsForm.write(cfg.Media.Ports),
		"ctl", s.door.Path(), "pid", os.Getpid())
	if err := own.announce(); err != nil {
		log.Warn("the PID file is not written", "err", err)
	}
	c.obey(s, heard)
	signal.Ignore(syscall.SIGHUP) // there is nothing left to upgrade
	defer endWithin(endTime)()
	if own.close() {
		s.leave()
		s.pace.set(wayNice) // the kernel still has to take it to pieces
		return nil
	}
	log.Info("ending: no new calls, hanging up", "calls", s.ua.Calls())
	ending, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	if err := s.Close(ending); err != nil {
		log.Warn("some callers did not answer the goodbye", "err", err)
	}
	own.gone()
	log.Info("ended")
	return nil
}

// obey does what signals ask for until the server is to end.
func (c *serveCmd) obey(s *server, heard <-chan os.Signal) {
	for {
		select {
		case what := <-heard:
			switch {
			case what == syscall.SIGHUP:
				go s.upgrade(context.Background()) // ends within upgradeTime; generation.close waits
			case what == syscall.SIGTERM && c.Drain > 0 && !s.drainer.begun():
				s.drain(c.Drain)
			default:
				return
			}
		case <-s.drainer.over:
			return
		case <-s.own.taken():
			return
		}
	}
}

// hearSignals hears those that a server obeys. SIGHUP is none if it was started with that ignored (nohup): then it is the end of a terminal. One that is to end
// and does not even hear of it within endTime, for something hangs that should not, is ended.
func hearSignals() <-chan os.Signal {
	came, heard := make(chan os.Signal, 8), make(chan os.Signal)
	signal.Notify(came, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(came, syscall.SIGHUP)
	}
	go func() { // ends with the process
		for what := range came {
			late := time.NewTimer(endTime)
			select {
			case heard <- what:
			case <-late.C:
				if what != syscall.SIGHUP {
					os.Exit(exitFault)
				}
			}
			late.Stop()
		}
	}()
	return heard
}

// endWithin gives signals their usual effect, and exits with exitFault unless end is called in time: whoever stops a
// server need not know that something in it waits for ever.
func endWithin(most time.Duration) (end func()) {
	signal.Reset(os.Interrupt, syscall.SIGTERM)
	late := time.AfterFunc(most, func() { os.Exit(exitFault) })
	return func() { late.Stop() }
}
