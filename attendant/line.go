package attendant

import (
	"log/slog"
	"sync/atomic"
)

// line is the call of somebody who is served, which another one may take the place of. Its methods are those of the one of now, and may be
// called from any goroutine.
type line struct{ now atomic.Pointer[Call] }

func newLine(call Call) *line {
	l := new(line)
	l.take(call)
	return l
}

// take puts another call in the place.
func (l *line) take(call Call) { l.now.Store(&call) }

func (l *line) call() Call                    { return *l.now.Load() }
func (l *line) ID() string                    { return l.call().ID() }
func (l *line) Caller() (name, number string) { return l.call().Caller() }
func (l *line) Hangup(reason string)          { l.call().Hangup(reason) }
func (l *line) Done() <-chan struct{}         { return l.call().Done() }
func (l *line) Renamed() <-chan struct{}      { return l.call().Renamed() }
func (l *line) Reason() string                { return l.call().Reason() }

// logbook is the log about somebody who is served, which says on which call he is. Its methods may be called from any goroutine.
type logbook struct{ now atomic.Pointer[slog.Logger] }

// open has the log say that it is about that call.
func (l *logbook) open(log *slog.Logger, call Call, room string) {
	l.now.Store(log.With("call", call.ID(), "room", room))
}

func (l *logbook) Debug(msg string, args ...any) { l.now.Load().Debug(msg, args...) }
func (l *logbook) Info(msg string, args ...any)  { l.now.Load().Info(msg, args...) }
func (l *logbook) Warn(msg string, args ...any)  { l.now.Load().Warn(msg, args...) }
