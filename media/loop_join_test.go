package media

import (
	"log/slog"
	"slices"
	"testing"
	"time"
)

// traveller is a bus that keeps the deadlines of its ticks.
type traveller struct{ due []int64 }

func (v *traveller) Tick(now int64) { v.due = append(v.due, now) }

// explosive is a bus that panics.
type explosive struct{}

func (explosive) Tick(int64) { panic("on arrival") }

// A bus goes from one loop to the other and back, twenty times, each time right after a tick. The loops' deadlines are 5 ms apart, so that its ticks are 25 ms
// apart when it goes to the second one, and 15 when it comes back, whether that one has other buses or rests; or 20 ms more for each tick that a busy machine has left out, but never less.
func TestJoinKeepsTime(t *testing.T) {
	for name, company := range map[string]bool{"the loops rest": false, "the loops have other buses": true} {
		t.Run(name, func(t *testing.T) {
			e, err := New(Config{Loops: 2, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			v := new(traveller)
			on := func(l *Loop, f func()) {
				done := make(chan struct{})
				l.Do(func() { defer close(done); f() })
				<-done
			}
			for _, l := range e.loops {
				if company {
					on(l, func() { l.Add(new(traveller)) })
				}
			}
			on(e.loops[0], func() { e.loops[0].Add(v) })
			var steps [2][]time.Duration // of the moves to each loop
			for i := range 40 {
				from, to := e.loops[i%2], e.loops[1-i%2]
				for n, ticked := 0, 0; n < 3; n = ticked { // it has been ticked here
					on(from, func() { ticked = len(v.due) })
				}
				arrived := make(chan int)
				on(from, func() {
					last, there := from.Leave(v)
					if n := len(v.due); v.due[n-1] != last {
						t.Errorf("ticked at %d, and the loop says %d", v.due[n-1], last)
					}
					if !there || from.Remove(v) {
						t.Error("it was not there, or twice")
					}
					v.due = v.due[len(v.due)-1:]
					to.Do(func() { to.Join(v, last); arrived <- len(v.due) })
				})
				for n := <-arrived; n < 2; {
					on(to, func() { n = len(v.due) })
				}
				on(to, func() { steps[1-i%2] = append(steps[1-i%2], time.Duration(v.due[1]-v.due[0])) })
			}
			for to, shift := range []time.Duration{-5 * time.Millisecond, 5 * time.Millisecond} {
				best := 0
				for _, step := range steps[to] {
					if step < frameTime/2 || (step-shift)%frameTime != 0 {
						t.Errorf("the first tick on loop %d is %v after the last one", to, step)
					}
					if step == frameTime+shift {
						best++
					}
				}
				if best == 0 {
					t.Errorf("on loop %d the first tick was never %v after the last one: %v", to, frameTime+shift, steps[to])
				}
			}
		})
	}
}

// What a loop does with a bus that comes from another one depends on where its own ticks are: here it is ticked by hand, at deadlines in milliseconds.
func TestJoin(t *testing.T) {
	const ms = int64(time.Millisecond)
	for name, c := range map[string]struct {
		ticked int64   // by the loop last
		last   int64   // of the bus, on the other loop
		due    []int64 // its ticks, with two more of the loop
	}{
		"the next one is 25 ms after the last":                   {1005, 1000, []int64{1025, 1045}},
		"its own is to come":                                     {985, 1000, []int64{1025}}, // not at 1005
		"15 ms, and made up for at once":                         {1020, 1005, []int64{1020, 1040, 1060}},
		"the loop is late, and its next ticks would be early":    {920, 1005, nil},
		"the loop is late, and its second next one is the first": {980, 1005, []int64{1020}},
		"the bus was late, and two are made up for":              {1040, 1005, []int64{1020, 1040, 1060, 1080}},
		"the bus was very late: three, and no more":              {1200, 1005, []int64{1160, 1180, 1200, 1220, 1240}},
	} {
		l := &Loop{broken: newBreakages(), at: -1, due: (c.ticked + 20) * ms}
		v, other := new(traveller), new(traveller)
		l.Add(other)
		l.Join(v, c.last*ms)
		if l.idle() || l.at != -1 {
			t.Errorf("%s: at %d", name, l.at)
		}
		for range 2 {
			l.tick(l.due)
			l.due += 20 * ms
		}
		var due []int64
		for _, at := range v.due {
			due = append(due, at/ms)
		}
		if !slices.Equal(due, c.due) || len(other.due) != 2 {
			t.Errorf("%s: ticked at %v, want %v; the other one %d times", name, due, c.due, len(other.due))
		}
		last, there := l.Leave(v)
		if want := append([]int64{c.last}, c.due...); !there || c.due != nil && last != want[len(want)-1]*ms || c.due == nil && last != c.last*ms {
			t.Errorf("%s: it leaves, and its last tick was at %d, there: %v", name, last/ms, there)
		}
		if _, there := l.Leave(v); there || len(l.joining) > 0 {
			t.Errorf("%s: it is there still", name)
		}
	}
	l := &Loop{broken: newBreakages(), at: -1, due: 1060 * ms}
	bad := explosive{}
	if l.Join(bad, 1000*ms); !l.idle() || l.at != -1 || len(l.broken.take()) != 1 {
		t.Error("a bus that breaks on arrival is there still, or nobody is told")
	}
}

// A loop is relieved when it is full, and of nothing that would make another one fuller than it is itself.
func TestRelief(t *testing.T) {
	e, err := New(Config{Loops: 3, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for _, c := range []struct {
		expected [3]int
		slow     bool // the first one's ticks take too long
		legs     int
		to       int // -1: it stays
	}{
		{[3]int{1023, 0, 0}, false, 10, -1},
		{[3]int{1024, 0, 0}, false, 10, 1},
		{[3]int{1024, 1024, 0}, false, 10, 2},
		{[3]int{1024, 1023, 0}, false, 10, -1}, // the second one would have more, and the third is not asked as long as that one is not full
		{[3]int{1500, 1480, 1490}, false, 10, 1},
		{[3]int{1500, 1481, 1490}, false, 10, -1},
		{[3]int{1500, 1600, 1700}, false, 1, -1},
		{[3]int{600, 0, 0}, false, 300, -1},
		{[3]int{600, 0, 0}, true, 300, 1},
		{[3]int{600, 0, 0}, true, 301, -1},
	} {
		for i, l := range e.loops {
			l.expected.Store(int64(c.expected[i]))
		}
		e.loops[0].clock.usual.Store(0)
		if c.slow {
			e.loops[0].clock.usual.Store(fullTick)
		}
		to := -1
		if l := e.Relief(e.loops[0], c.legs); l != nil {
			to = l.Number()
		}
		if to != c.to {
			t.Errorf("%d legs of %v, slow: %t: to loop %d, want %d", c.legs, c.expected, c.slow, to, c.to)
		}
	}
}
