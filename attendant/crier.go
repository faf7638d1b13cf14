package attendant

import (
	"sync"
	"time"

	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/dialout/links"
	"github.com/sipconf/sipconf/prompts"
	"github.com/sipconf/sipconf/rooms"
)

// crier tells the rooms who comes and goes, when their comings say so, and how their external lines are, when their bulletins do. Created by
// newCrier; safe for concurrent use.
type crier struct {
	works   *worker
	say     func(room string, t tidings) time.Duration            // begins to, and says how long it takes; does not wait for that
	sayLine func(room dialout.Room, news links.News) (there bool) // likewise; false: that conference is over
	broken  func(panic any)                                       // is told what has become of a room's announcement, or of a look at all of them

	wake chan struct{} // there is something new; holds one
	stop chan struct{}
	once sync.Once
	done sync.WaitGroup

	mu    sync.Mutex
	rooms map[string]*comings
	lines map[dialout.Room]*bulletin // of the conferences that were told of any
}

// newCrier starts the crier's goroutine; close ends it.
func newCrier(works *worker, say func(string, tidings) time.Duration, sayLine func(dialout.Room, links.News) bool, broken func(any)) *crier {
	c := &crier{works: works, say: say, sayLine: sayLine, broken: broken, wake: make(chan struct{}, 1), stop: make(chan struct{}),
		rooms: make(map[string]*comings), lines: make(map[dialout.Room]*bulletin)}
	c.done.Go(c.run) // ends by close, which waits
	return c
}

// close ends it and waits. What has not been told is not told any more. Safe to call twice.
func (c *crier) close() {
	c.once.Do(func() { close(c.stop) })
	c.done.Wait()
}

// hear takes an event of a room. It does not block.
func (c *crier) hear(e rooms.Event) {
	if c.note(e, time.Now()) {
		c.rouse()
	}
}

// hearLine takes news of a conference's external lines. It does not block.
func (c *crier) hearLine(room dialout.Room, news links.News) {
	c.mu.Lock()
	b := c.lines[room]
	if b == nil {
		b = new(bulletin)
		c.lines[room] = b
	}
	b.hear(time.Now(), news)
	c.mu.Unlock()
	c.rouse()
}

// forgetLines forgets the external lines of a conference that is over.
func (c *crier) forgetLines(room dialout.Room) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.lines, room)
}

// rouse has it look what is due.
func (c *crier) rouse() {
	select {
	case c.wake <- struct{}{}:
	default: // it was woken already
	}
}

// note says whether the event is about coming and going.
func (c *crier) note(e rooms.Event, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.rooms[e.Room]
	switch {
	case e.Kind == rooms.Joined && r == nil:
		r = new(comings)
		c.rooms[e.Room] = r
		r.join(now, e.Call, e.Number)
	case r == nil:
		return false
	case e.Kind == rooms.Joined:
		r.join(now, e.Call, e.Number)
	case e.Kind == rooms.Left:
		r.leave(now, e.Call)
	case e.Kind == rooms.Replaced:
		r.move(e.Before, e.Call)
	case e.Kind == rooms.Renamed:
		r.rename(e.Call, e.Number)
	case e.Kind == rooms.RoomGone:
		delete(c.rooms, e.Room)
	default:
		return false
	}
	return true
}

// run tells what is due, and sleeps until the next is.
func (c *crier) run() {
	alarm := time.NewTimer(0)
	defer alarm.Stop()
	alarm.Stop()
	for {
		select {
		case <-c.wake:
		case <-alarm.C:
		case <-c.stop:
			return
		}
		c.works.begin()
		c.guarded(c.tellAll)
		c.works.end()
		if next := c.next(); !next.IsZero() {
			alarm.Reset(time.Until(next))
		} else {
			alarm.Stop()
		}
	}
}

// tellAll tells each room what is due there. A room of which nothing but a panic comes is told nothing.
func (c *crier) tellAll() {
	comings, lines := c.due(time.Now())
	for room, news := range lines {
		c.guarded(func() {
			if !c.sayLine(room, news) {
				c.forgetLines(room) // or the news came when it was over, and nobody would
			}
		})
	}
	for room, t := range comings {
		c.guarded(func() { c.spoke(room, c.say(room, t)) })
	}
}

func (c *crier) guarded(f func()) {
	defer func() {
		if r := recover(); r != nil {
			c.broken(r)
		}
	}()
	f()
}

// due is what is to be told now, by room.
func (c *crier) due(now time.Time) (comings map[string]tidings, lines map[dialout.Room]links.News) {
	c.mu.Lock()
	defer c.mu.Unlock()
	comings, lines = make(map[string]tidings), make(map[dialout.Room]links.News)
	for room, r := range c.rooms {
		if t, ok := r.tell(now); ok {
			comings[room] = t
		}
	}
	for room, b := range c.lines {
		if news, ok := b.tell(now); ok {
			lines[room] = news
		}
	}
	return comings, lines
}

func (c *crier) spoke(room string, length time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r := c.rooms[room]; r != nil {
		r.spoke(time.Now(), length)
	}
}

// next is when something is due; zero: nothing is.
func (c *crier) next() (next time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	sooner := func(due time.Time) {
		if !due.IsZero() && (next.IsZero() || due.Before(next)) {
			next = due
		}
	}
	for _, r := range c.rooms {
		sooner(r.Due)
	}
	for _, b := range c.lines {
		sooner(b.Due)
	}
	return next
}

// longest is how long an announcement may take in which somebody is named. Longer ones, of numbers with many digits, say
// only that somebody has come or gone: the room must not lag behind.
const longest = 5 * time.Second

// announce tells a room who has come and gone, in its language.
func (o *Office) announce(room string, t tidings) time.Duration {
	sound := o.sound(o.cfg.Language(room, ""), t.sentences()...)
	if sound.Length() > longest {
		sound = o.sound(o.cfg.Language(room, ""), t.nameless().sentences()...)
	}
	o.cfg.Log.Debug("announces", "room", room, "joined", t.joined, "left", t.left)
	o.cfg.Rooms.Announce(room, rooms.Comings, sound, t.except...)
	return sound.Length()
}

// sentences are what is said.
func (t tidings) sentences() (said []prompts.Part) {
	if len(t.joined) > 0 {
		said = append(said, prompts.Joined(t.joined...))
	}
	if len(said) > 0 && len(t.left) > 0 {
		said = append(said, prompts.Pause(300*time.Millisecond))
	}
	if len(t.left) > 0 {
		said = append(said, prompts.Left(t.left...))
	}
	return said
}

// nameless are the same tidings without numbers.
func (t tidings) nameless() tidings {
	return tidings{joined: make([]string, len(t.joined)), left: make([]string, len(t.left)), except: t.except}
}
