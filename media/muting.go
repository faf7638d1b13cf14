package media

import "math"

// Window is a stretch of the peer's stream, in samples; From >= To is none.
type Window struct{ From, To int64 }

// everything is a stretch of which neither end is known.
var everything = Window{math.MinInt64, math.MaxInt64}

// Muting is where the peer's stream must not be heard, because a key is pressed there: many phones send the tone as sound as well.
// A press is muted before it is played, and the keys of a phone that dials by itself are shorter than the playout may be behind,
// so several are waiting: eight are 640 ms of the fastest keys that there are (40 ms each, 40 ms apart).
//
// Plain data; the zero value mutes nothing.  Owned by the leg's owner.
type Muting struct {
	Windows [8]Window // in turn
	Turn    uint8     // of the last window
	Until   int64     // nothing is muted from this position on; each tick asks
}

// last is the window of the last press.
func (m *Muting) last() *Window { return &m.Windows[m.Turn%uint8(len(m.Windows))] }

// begin mutes from the position on, until the end is told.  The same beginning is the same press.
func (m *Muting) begin(from int64) {
	if last := m.last(); last.From != from {
		if last.To == everything.To {
			last.To = max(last.From, from) // its end was lost
		}
		m.Turn++
	}
	*m.last() = Window{from, everything.To}
	m.Until = everything.To
}

// all mutes whatever comes, until the end is told.
func (m *Muting) all() { *m.last(), m.Until = everything, everything.To }

// end is where the last press ends.
func (m *Muting) end(to int64) {
	m.last().To = to
	m.Until = m.Windows[0].To
	for _, w := range m.Windows {
		m.Until = max(m.Until, w.To)
	}
}

// touches says whether any of that stretch is muted.
func (m *Muting) touches(from, to int64) bool {
	if from >= m.Until { // nearly always
		return false
	}
	for i := range m.Windows {
		if w := &m.Windows[i]; from < w.To && to > w.From {
			return true
		}
	}
	return false
}
