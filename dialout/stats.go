package dialout

import (
	"log/slog"
	"maps"
	"time"
)

// Stats are the Dialer's figures at one moment. Plain data.
type Stats struct {
	Trunks   []TrunkStats       // in the order in which they are tried
	Dials    int                // dial-outs that are not over
	Waiting  int                // those of them that wait for a line
	Outcomes map[Outcome]uint64 // of all dial-outs that are over, by how they ended; Answered is as far as the Dialer sees
	Usage    Usage
	Panics   uint64 // that were recovered from, in dial-outs, searches for members and probes
}

// TrunkStats is a trunk at one moment. Plain data.
type TrunkStats struct {
	Name      string
	Up        bool      // by the probe; true without one
	Since     time.Time // when it went up or down
	Rests     time.Time // it is left alone until then; in the past: it is not
	Calls     int       // lines in use
	MaxCalls  int       // 0: no limit
	Today     int       // lines that were given since midnight
	MaxDaily  int       // 0: no limit
	Attempts  uint64    // INVITEs sent
	Answered  uint64
	Failovers uint64 // attempts after which the next trunk was wanted
	LastError string // of the last one of these, or of the last probe that failed
}

// Stats counts.
func (d *Dialer) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.usage.turn(dayOf(time.Now(), d.config.Location))
	s := Stats{Dials: len(d.dials), Waiting: len(d.waiting), Outcomes: maps.Clone(d.outcomes), Panics: d.panics.Load()}
	for _, t := range d.trunks {
		s.Trunks = append(s.Trunks, TrunkStats{
			Name: t.Name, Up: t.up, Since: t.since, Rests: t.rests, Calls: t.calls, MaxCalls: t.MaxCalls,
			Today: d.usage.Trunks[t.Name], MaxDaily: t.MaxDaily,
			Attempts: t.attempts, Answered: t.answered, Failovers: t.failovers, LastError: t.lastError,
		})
	}
	s.Usage = d.usage.clone()
	return s
}

// level is how loud the outcome is in the log: what the operator should look at is a warning.
func (r Result) level() slog.Level {
	switch r.Cause {
	case Loop, RoomAtOnce, CallerAtOnce, RoomDaily, CallerDaily, TrunkDaily, TrunkDown, Authentication, Broken:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// attrs are what the log says of a dial-out.
func (r Result) attrs(req Request, took time.Duration) []slog.Attr {
	attrs := []slog.Attr{slog.String("room", req.Room.Number), slog.String("from", req.Caller), slog.String("number", r.Number)}
	if r.Trunk != "" {
		attrs = append(attrs, slog.String("trunk", r.Trunk))
	}
	if r.Call != nil {
		attrs = append(attrs, slog.String("call", r.Call.ID()), slog.String("policy", r.Policy.String()))
	}
	return append(attrs, slog.String("outcome", r.Outcome.String()), slog.Duration("took", took))
}
