package media

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// gang is a bus without legs that counts who does what.
type gang struct {
	done  []int         // by leg
	by    [parts]int    // parts, by the number of the hand
	each  func(h *Hand) // is called in every part
	crew  func() *Crew  // for Tick
	ticks chan struct{} // one for each that was finished
}

func newGang(legs int) *gang { return &gang{done: make([]int, legs)} }

func (g *gang) Part(h *Hand, first, end int) {
	for i := first; i < end; i++ {
		g.done[i]++
	}
	g.by[h.Number()]++
	if g.each != nil {
		g.each(h)
	}
}

func (g *gang) Tick(int64) {
	g.crew().Step(g, len(g.done))
	g.crew().Step(g, len(g.done))
	select {
	case g.ticks <- struct{}{}:
	default:
	}
}

// wantSteps fails unless so many steps were done for each leg.
func (g *gang) wantSteps(t *testing.T, n int) {
	t.Helper()
	for i, done := range g.done {
		if done != n {
			t.Fatalf("leg %d of %d: %d steps, want %d", i, len(g.done), done, n)
		}
	}
}

// waiting has the owner wait in the first of its parts until a hand has begun one, and does work in that.
func (g *gang) waiting(work func()) {
	begun, told := make(chan struct{}), make([]bool, parts)
	g.each = func(h *Hand) {
		switch n := h.Number(); {
		case told[n]:
		case n == 0:
			told[n] = true
			<-begun
		case n == 1:
			told[n] = true
			close(begun)
			work()
		}
	}
}

func TestCrewDoesEveryLegOnce(t *testing.T) {
	for _, hands := range []int{0, 1, 3, 200} {
		c := NewCrew(hands)
		for _, legs := range []int{0, 1, 63, 64, 65, 256, 5000} {
			c.Ready(legs, 160)
			g := newGang(legs)
			for n := range 50 {
				c.Step(g, legs)
				g.wantSteps(t, n+1)
			}
		}
		c.Close()
	}
}

// The hands are there for something: while the owner has one part, a hand does another.
func TestHandsHelp(t *testing.T) {
	c, g := NewCrew(1), newGang(1000)
	defer c.Close()
	g.waiting(func() {})
	c.Step(g, 1000)
	g.each = nil
	c.Step(g, 1000)
	g.wantSteps(t, 2)
	if g.by[1] == 0 {
		t.Error("the hand did nothing")
	}
}

// A core is busy with something else: the owner does all by itself.  When the hand comes at last, it finds nothing, and then the next step.
func TestHandThatDoesNotCome(t *testing.T) {
	c, g := NewCrew(0), newGang(1000)
	late := &Hand{number: 1, wake: make(chan struct{}, 1)}
	c.hands = append(c.hands, late)
	for range 10 {
		c.Step(g, 1000)
	}
	if g.by[0] != 10*parts {
		t.Errorf("the owner did %d parts, want all %d", g.by[0], 10*parts)
	}
	c.running.Add(1)
	go late.run(c) // ends by Close
	g.waiting(func() {})
	c.Step(g, 1000)
	c.Close()
	g.wantSteps(t, 11)
	if g.by[1] == 0 {
		t.Error("the hand that came late did nothing")
	}
}

// What goes wrong in a hand's part comes out of the step, after the rest is done, and the crew is as good as before.
func TestPanicOfAHand(t *testing.T) {
	c, g := NewCrew(1), newGang(1000)
	defer c.Close()
	g.waiting(func() { panic("a leg went wrong") })
	func() {
		defer func() {
			err, _ := recover().(error)
			var b *breakage
			if !errors.As(err, &b) || b.reason != "a leg went wrong" || b.bus != g || !strings.Contains(err.Error(), "waiting") {
				t.Errorf("out of the step came %v, want the panic and where it was", err)
			}
		}()
		c.Step(g, 1000)
		t.Error("the step has survived")
	}()
	g.wantSteps(t, 1)
	g.each = nil
	c.Step(g, 1000)
	g.wantSteps(t, 2)
}

// The loop takes a panic of a hand as it takes one of its own: that bus is removed, the others go on.
func TestLoopSurvivesThePanicOfAHand(t *testing.T) {
	var log strings.Builder
	told := make(chan Bus, 1)
	e, err := New(Config{Loops: 1, Hands: 1, Log: slog.New(slog.NewTextHandler(&log, nil)), Broken: func(b Bus, _ any) { told <- b }})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	loop := e.Loop()
	bad, good := newGang(300), newGang(300)
	bad.crew, good.crew, good.ticks = loop.Crew, loop.Crew, make(chan struct{})
	bad.waiting(func() { panic("a leg went wrong") })
	loop.Do(func() { loop.Crew(); loop.Add(bad); loop.Add(good) })
	if b := <-told; b != bad {
		t.Errorf("told of %v, want the one that panicked", b)
	}
	for range 3 {
		<-good.ticks
	}
	if s := e.Stats(); s.Panics != 1 {
		t.Errorf("%d panics counted, want 1", s.Panics)
	}
	e.Close()
	good.wantSteps(t, good.done[0])
	for _, want := range []string{"a leg went wrong", "gang", "waiting"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %q: %s", want, log.String())
		}
	}
}

// A loop starts its hands when they are first needed, and they end with it.
func TestHandsEndWithTheirLoop(t *testing.T) {
	before := goleak.IgnoreCurrent()
	e, err := New(Config{Loops: 2, Hands: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	crews := make(chan *Crew)
	for _, l := range e.loops {
		for range 2 {
			l.Do(func() { crews <- l.Crew() })
			if c := <-crews; c.Hands() != 4 || c != l.crew {
				t.Errorf("%d hands, want 3 and the owner, and always the same", c.Hands())
			}
		}
	}
	if err := goleak.Find(before); err == nil || strings.Count(err.Error(), "(*Hand).run") < 6 {
		t.Errorf("6 hands should run: %v", err)
	}
	e.Close()
	goleak.VerifyNone(t, before)

	e, err = New(Config{Loops: 1, Hands: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	e.loops[0].Do(func() { crews <- e.loops[0].Crew() })
	if c := <-crews; c != nil {
		t.Errorf("a crew of %d where there shall be none", c.Hands())
	}
}
