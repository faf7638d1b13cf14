package media

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// counter is a bus that says when it has been ticked.
type counter struct{ ticked chan struct{} }

func (c *counter) Tick(int64) {
	select {
	case c.ticked <- struct{}{}:
	default:
	}
}

// straggler is a bus whose third tick takes 150 ms; it keeps when its ticks were due, and when they ran.
type straggler struct {
	due, ran []int64
	woke     int64
	ended    chan struct{} // closed with the tenth
}

func (s *straggler) Tick(now int64) {
	s.due, s.ran = append(s.due, now), append(s.ran, monotonic())
	switch len(s.due) {
	case 3:
		for monotonic() < now+int64(150*time.Millisecond) {
			time.Sleep(time.Millisecond)
		}
		s.woke = monotonic()
	case 10:
		close(s.ended)
	}
}

// A loop that was held up for 150 ms runs three of the ticks that it has missed, and skips and counts the others; its time goes on by 20 ms a tick.  What
// is wanted of the times holds on a busy machine as well: it can only make the loop later.
func TestLateLoopCatchesUp(t *testing.T) {
	l, err := startLoop(firstTicks(monotonic(), 1)[0], 0, newBreakages(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	bus := &straggler{ended: make(chan struct{})}
	l.Do(func() { l.Add(bus) })
	<-bus.ended
	l.close()
	const tick, most = int64(frameTime), 3 // ticks that may be caught up
	skipped := int64(0)                    // in their times
	for i := 1; i < len(bus.due); i++ {
		step := bus.due[i] - bus.due[i-1]
		if step%tick != 0 || step <= 0 {
			t.Fatalf("a step of %d ns", step)
		}
		skipped += step/tick - 1
	}
	missed := (bus.woke - bus.due[2] - tick) / tick // after the third was run
	if first := bus.due[3] - bus.due[2]; first/tick-1 < missed-most {
		t.Errorf("%d ticks were missed, and %d skipped: more than three were caught up", missed, first/tick-1)
	}
	if late := bus.ran[3] - bus.due[3]; late < most*tick {
		t.Errorf("the first tick after it was late by %v: fewer than three were caught up", time.Duration(late))
	}
	if got := int64(l.clock.skipped.Load()); got < skipped || skipped < missed-most {
		t.Errorf("%d ticks are counted as skipped, %d were, of %d missed", got, skipped, missed)
	}
	if worst := quantiles([]*histogram{&l.clock.wake}, 1)[0]; worst < 3*frameTime {
		t.Errorf("the latest tick was late by %v", worst)
	}
}

// How long a tick took is what it took, however late it began.
func TestTicksAreTimedFromTheirBeginning(t *testing.T) {
	l, err := startLoop(firstTicks(monotonic(), 1)[0], 0, newBreakages(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	bus := &straggler{ended: make(chan struct{})}
	l.Do(func() { l.Add(bus) })
	<-bus.ended
	l.close()
	ticks := (&Engine{loops: []*Loop{l}}).Distributions([]time.Duration{100 * time.Millisecond})
	if n := ticks.Duration.Count; n < 10 || n != ticks.Lateness.Count || n != ticks.End.Count {
		t.Errorf("%d ticks are timed, of %d and %d", n, ticks.Lateness.Count, ticks.End.Count)
	}
	if n := ticks.Duration.Count - ticks.Duration.Below[100*time.Millisecond]; n == 0 {
		t.Error("none took 100 ms, and one has slept for 150")
	}
	if want := ticks.End.Sum - ticks.Lateness.Sum; ticks.Duration.Sum != want || ticks.Lateness.Sum < (60+40+20)*time.Millisecond {
		t.Errorf("they took %v in all, want %v; late they were by %v", ticks.Duration.Sum, want, ticks.Lateness.Sum)
	}
}

// Somebody is held up in the middle of Do, by the scheduler or the collector: the rooms do not wait for him.
func TestTickTakesNoLock(t *testing.T) {
	l, err := startLoop(firstTicks(monotonic(), 1)[0], 0, newBreakages(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	bus, added := &counter{make(chan struct{})}, make(chan struct{})
	l.Do(func() { l.Add(bus); close(added) })
	<-added
	<-bus.ticked // the mail is read
	l.mu.Lock()
	defer l.mu.Unlock() // before close, which wants it
	for range 5 {
		select {
		case <-bus.ticked:
		case <-time.After(10 * time.Second):
			t.Fatal("the loop waits for a lock")
		}
	}
}

// far is a bus that says what its loop does.
type far struct {
	name  byte
	did   *[]string
	ended chan struct{} // closed by the first tick; nil: not
}

func (f *far) Tick(int64) {
	*f.did = append(*f.did, string(f.name)+" ticks")
	if f.ended != nil {
		close(f.ended)
		f.ended = nil
	}
}

func (f *far) Fetch(before int) { *f.did = append(*f.did, fmt.Sprintf("%c in %d", f.name, before)) }

// Each of seven buses is told, one step before each of the five ticks before its own, how far it is.
func TestLoopFetchesAhead(t *testing.T) {
	l, err := startLoop(firstTicks(monotonic(), 1)[0], 0, newBreakages(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	var did []string
	ended := make(chan struct{})
	l.Do(func() {
		for name := byte('a'); name < 'g'; name++ {
			l.Add(&far{name, &did, nil})
		}
		l.Add(&far{'g', &did, ended})
	})
	<-ended
	l.close()
	want := []string{
		"f in 5", "e in 4", "d in 3", "c in 2", "b in 1", "a ticks",
		"g in 5", "f in 4", "e in 3", "d in 2", "c in 1", "b ticks",
		"g in 4", "f in 3", "e in 2", "d in 1", "c ticks",
		"g in 3", "f in 2", "e in 1", "d ticks",
		"g in 2", "f in 1", "e ticks",
		"g in 1", "f ticks",
		"g ticks",
	}
	if did = did[:min(len(want), len(did))]; !slices.Equal(did, want) {
		t.Errorf("the loop did %q, want %q", did, want)
	}
}

// clumsy is a bus whose Fetch panics, in the step that is told.
type clumsy struct {
	far
	at int
}

func (c *clumsy) Fetch(before int) {
	if before == c.at {
		panic("clumsy")
	}
}

// A bus whose Fetch panics is removed, and nobody else: not the one whose turn it is.
func TestFetchThatPanics(t *testing.T) {
	b := newBreakages()
	l, err := startLoop(firstTicks(monotonic(), 1)[0], 0, b, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	var did []string
	ended := make(chan struct{})
	bad := &clumsy{far{'c', &did, nil}, 2}
	l.Do(func() {
		l.Add(&far{'a', &did, nil})
		l.Add(&far{'b', &did, nil})
		l.Add(bad)
		l.Add(&far{'d', &did, ended})
	})
	<-ended
	l.close()
	var ticked []string
	for _, what := range did {
		if strings.HasSuffix(what, "ticks") {
			ticked = append(ticked, what)
		}
	}
	if want := []string{"a ticks", "b ticks", "d ticks"}; !slices.Equal(ticked[:min(3, len(ticked))], want) {
		t.Errorf("the loop did %q, want %q", ticked, want)
	}
	if broken := b.take(); len(broken) != 1 || broken[0].bus != Bus(bad) {
		t.Errorf("%d buses are broken: %v", len(broken), broken)
	}
}
