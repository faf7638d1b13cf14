package links

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/sipconf/sipconf/dialout"
)

// The model: whatever comes in whatever order (people join and leave, far sides answer, fail, ring for ever, hang up, die or call by themselves, an
// answer crosses the CANCEL, another process takes over), a link has one call at most, none some time after the last one has left, and an attempt within the longest wait while
// there is somebody. Two of the three links share a line.
func TestRandomCourses(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) step {
			return step{
				what:  rapid.SampledFrom([]string{"join", "join", "leave", "leave", "goodbye", "dies", "calls", "sleep", "hand over", "hand over"}).Draw(rt, "what"),
				which: rapid.IntRange(0, 2).Draw(rt, "which"),
				after: time.Duration(rapid.SampledFrom([]int{0, 0, 1, 50, 100, 300, 1000, 2500, 20000, 70000}).Draw(rt, "after")) * time.Millisecond,
				low:   rapid.Bool().Draw(rt, "low"),
			}
		}), 1, 40).Draw(rt, "steps")
		seed := rapid.Uint64().Draw(rt, "seed")
		synctest.Test(t, func(*testing.T) { course(rt, steps, seed) })
	})
}

type step struct {
	what  string
	which int // of the links
	after time.Duration
	low   bool // the far side that calls has the smaller name; the next process does not know of calls that have ended
}

// courses is what one of them knows.
type courses struct {
	*far
	links   *Links
	numbers []string
	rooms   []dialout.Room
	inside  []bool
	alone   []time.Time // since when nobody is inside, or somebody is, or since when the far side is gone
	met     []*theirs   // the calls of the far sides
}

// The far sides' slowest word, and all that a cycle of the machine may take at most: the dialler's ring and response, the script, a wait with its jitter.
const (
	slowest = 700 * time.Millisecond
	cycle   = 40*time.Second + 3*time.Second + 73*time.Second + 2*slowest
)

func course(rt *rapid.T, steps []step, seed uint64) {
	var drawing sync.Mutex // the links have one luck
	luck := rand.New(rand.NewPCG(seed, 1))
	cfg := Config{Luck: func() float64 {
		drawing.Lock()
		defer drawing.Unlock()
		return luck.Float64()
	}, Lines: []Line{{Name: "shared"}}}
	c := &courses{alone: make([]time.Time, 3), met: make([]*theirs, 3), inside: make([]bool, 3)}
	for i := range 3 {
		link := Link{Room: fmt.Sprint("room", i), Number: fmt.Sprint("8495000000", i), DTMF: "1"}
		if i > 0 {
			link.Line = "shared"
		}
		cfg.Links = append(cfg.Links, link)
		c.numbers, c.rooms = append(c.numbers, link.Number), append(c.rooms, dialout.Room{Number: link.Room})
	}
	f, l, end := world(rt, cfg)
	defer end()
	c.far, c.links = f, l
	for _, number := range c.numbers {
		for range 30 {
			f.plays[number] = append(f.plays[number], play{
				after: time.Duration(luck.IntN(6)*luck.IntN(600)) * time.Millisecond, crosses: luck.IntN(2) == 0,
				slow: time.Duration(luck.Int64N(int64(slowest))), code: []int{0, 0, 0, 486, 503, 480, 404}[luck.IntN(7)],
			})
		}
		f.plays[number] = append(f.plays[number], play{})
	}
	for range 20 {
		f.digits = append(f.digits, []error{nil, nil, errors.New("not taken"), errPanic}[luck.IntN(4)])
	}
	f.dials = 800 * time.Millisecond
	for _, s := range steps {
		c.take(s)
		c.look(s)
	}
	for i := range 3 { // all is well in the end
		c.leave(i)
	}
	time.Sleep(2 * slowest)
	synctest.Wait()
	for i, number := range c.numbers {
		if n := c.calls(number); n != 0 {
			f.t.Errorf("link %d has %d calls when all have left:\n%q", i, n, f.log)
		}
	}
}

func (c *courses) take(s step) {
	i := s.which
	switch s.what {
	case "join":
		if !c.inside[i] {
			c.rooms[i].Incarnation++
			c.inside[i], c.alone[i] = true, time.Now()
			c.links.People(c.rooms[i].Number, c.rooms[i].Incarnation, true)
		}
	case "leave":
		c.leave(i)
	case "goodbye", "dies":
		if call := c.call(c.numbers[i]); call != nil {
			call.ends(s.what == "goodbye")
			c.alone[i] = time.Now()
		}
		if c.met[i] != nil {
			c.met[i].ends()
			c.met[i] = nil
			c.alone[i] = time.Now()
		}
	case "calls":
		c.farCalls(i, s.low)
	case "hand over":
		c.handsOver(s)
	}
	c.far.note("%s %d", s.what, i)
	time.Sleep(s.after)
	synctest.Wait()
}

func (c *courses) leave(i int) {
	if c.inside[i] {
		c.inside[i], c.alone[i] = false, time.Now()
		c.links.People(c.rooms[i].Number, c.rooms[i].Incarnation, false)
	}
}

// handsOver has another process take over, or not, if something is under way for so long. Meanwhile the one who is inside may leave, and another may come.
func (c *courses) handsOver(s step) {
	c.lost = s.low
	ctx, cancel := context.WithTimeout(context.Background(), s.after)
	defer cancel()
	if im, err := c.far.handsOver(ctx); err == nil {
		for i, saved := range im.Links {
			if s.low && i == s.which {
				c.inside[i] = !c.inside[i]
				c.rooms[i].Incarnation++
			}
			if c.inside[i] {
				c.far.links.People(c.rooms[i].Number, c.rooms[i].Incarnation, true)
			}
			if c.met[i] == nil {
				continue
			}
			if m := c.far.links.Meet(c.rooms[i].Number, c.numbers[i], dialout.Mark{}, c.met[i]); m.Refused || saved.Met != c.met[i].id {
				c.t.Errorf("the call of the far side %d is not known to the next process: %+v", i, saved)
			}
		}
		c.links = c.far.links
		c.resumes()
	}
	for i := range c.alone { // nothing was done meanwhile
		c.alone[i] = time.Now()
	}
}

// farCalls has the far side call by itself. If it may come in, nothing of ours is or comes there that is answered.
func (c *courses) farCalls(i int, low bool) {
	mark := dialout.Mark{Instance: "zzzz", Room: "1", Link: true}
	if low {
		mark = []dialout.Mark{{Instance: "0", Room: "1", Link: true}, {}}[i%2] // a PBX in between may take it away
	}
	call := c.callsUs()
	m := c.links.Meet(c.rooms[i].Number, c.numbers[i], mark, call)
	switch {
	case !m.Link:
		c.t.Errorf("the far side is taken for a person")
	case m.Refused:
	case c.met[i] != nil:
		c.t.Errorf("the far side %d has two calls of its own", i)
	default:
		c.met[i] = call
	}
}

func (c *courses) calls(number string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.present[number]
}

// look looks whether all is as it must be. That there are never two calls the far side itself sees.
func (c *courses) look(s step) {
	shared := 0
	for i, number := range c.numbers {
		ours := c.calls(number)
		state := c.links.Status()[i].State
		long := time.Since(c.alone[i])
		switch {
		case !c.inside[i] && long > slowest && ours > 0:
			c.t.Errorf("%v after the last one has left link %d has a call, and is %s:\n%q", long, i, state, c.log)
		case c.met[i] != nil && c.call(number) != nil && state == Up:
			c.t.Errorf("link %d is up twice, after %v:\n%q", i, s, c.log)
		case i == 0 && c.inside[i] && c.met[i] == nil && long > cycle && ours == 0 && c.quiet(number) > cycle:
			c.t.Errorf("somebody is inside for %v, and link %d is %s:\n%q", long, i, state, c.log)
		}
		wants := i > 0 && c.inside[i] && c.met[i] == nil && min(long, time.Since(c.alone[3-i])) > cycle
		if wants && c.calls(c.numbers[1])+c.calls(c.numbers[2]) == 0 && min(c.quiet(c.numbers[1]), c.quiet(c.numbers[2])) > cycle {
			c.t.Errorf("somebody is inside for %v, link %d is %s, and nobody uses the line that it shares:\n%q", long, i, state, c.log)
		}
		if i > 0 && (state == Up || state == SendingDigits) {
			shared++
		}
	}
	if shared > 1 {
		c.t.Errorf("%d calls on a line for one:\n%q", shared, c.log)
	}
}

// quiet is for how long there was no INVITE to a number.
func (c *courses) quiet(number string) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := len(c.log) - 1; i >= 0; i-- {
		at, text, _ := cut(c.log[i])
		if text == "INVITE to "+number {
			return time.Since(c.began) - at
		}
	}
	return time.Since(c.began)
}

func cut(line string) (at time.Duration, text string, ok bool) {
	for i := range line {
		if line[i] == ' ' {
			at, err := time.ParseDuration(line[:i])
			return at, line[i+1:], err == nil
		}
	}
	return 0, line, false
}
