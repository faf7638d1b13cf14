package main

import (
	"context"
	"errors"
	"time"

	"github.com/sipconf/sipconf/control"
	"github.com/sipconf/sipconf/media/handover"
)

// upgrade has another process take over from this one, with every call, and says how that went. Safe for concurrent use.
func (s *server) upgrade(ctx context.Context) (control.Upgraded, error) {
	done := control.Upgraded{Done: true, From: ownVersion()}
	if s.drainer.begun() {
		return done, errors.New("it is draining: what is left of it is better ended where it is")
	}
	s.log.Info("another process is to take over", "version", done.From)
	began := time.Now()
	next, err := s.own.upgrade(ctx, func(ctx context.Context, line *handover.Line) (err error) {
		done.Calls, err = s.give(ctx, line)
		return err
	}, s.resume)
	done.Seconds = time.Since(began).Seconds()
	if err != nil {
		s.log.Error("no other process has taken over, this one goes on", "err", err, "took", time.Since(began))
		return done, err
	}
	done.To, done.PID = next.Version, next.PID
	s.log.Info("another process has taken over, this one ends", "version", done.To, "pid", done.PID, "calls", done.Calls, "took", time.Since(began))
	return done, nil
}

// leave ends a server whose place another process has taken: who has asked this one something gets his answer. Nothing else is ended: it is all there still,
// with that process.
func (s *server) leave() {
	s.monitor.leave()
	s.door.Leave()
}
