package attendant

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/dialout/links"
	"github.com/sipconf/sipconf/media/mediatest"
	"github.com/sipconf/sipconf/prompts"
	"github.com/sipconf/sipconf/prompts/sound"
	"github.com/sipconf/sipconf/rooms"
)

// machine is the far side of a link: it asks for a number and takes keys. What it does is straight-line code on a goroutine of its own, in real time, 20 ms
// a step; it ends with the call.
type machine struct {
	*call
	house *house
	phone *mediatest.Phone
	ear   *mediatest.Phone // hears what is sent to the machine, as our own server would
	now   int64
	next  time.Time // when it sends its next frame
	lives sync.WaitGroup

	mu    sync.Mutex
	keys  string
	sound []int16 // the last second that it has heard
}

// machine is one that takes keys as events, or, where it does not, as tones.
func (h *house) machine(number string, events bool) *machine {
	h.Helper()
	m := &machine{house: h, phone: mediatest.NewPhone(h, codec.PCMA), ear: mediatest.NewPhone(h, codec.PCMA)}
	for _, p := range []*mediatest.Phone{m.phone, m.ear} {
		s := p.Session()
		if !events {
			s.EventType = 0
		}
		p.Leg.Update(s)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls++
	m.call = &call{id: fmt.Sprintf("%s-%d", number, h.calls), number: number, leg: m.phone.Leg, over: make(chan struct{}), renamed: make(chan struct{}, 1)}
	h.Cleanup(func() {
		m.Hangup("the end of the test")
		m.lives.Wait() // before its legs are closed
	})
	return m
}

// does begins what it does: script.
func (m *machine) does(script func()) {
	m.next = time.Now()
	m.lives.Go(func() { // ends with the call
		script()
		for {
			m.step(make([]int16, 160))
		}
	})
}

// step sends a frame, and takes what has come.
func (m *machine) step(frame []int16) {
	m.next = m.next.Add(20 * time.Millisecond)
	due := time.NewTimer(time.Until(m.next)) // at once if it is late: then it catches up
	defer due.Stop()
	select {
	case <-due.C:
	case <-m.Done():
		runtime.Goexit()
	}
	m.phone.Sound(frame)
	m.phone.TS += 160
	for _, p := range m.phone.Received() {
		b, err := p.Marshal()
		if err != nil {
			panic(err)
		}
		m.ear.Conn.Deliver(b, m.ear.Addr)
	}
	m.now += int64(20 * time.Millisecond)
	heard := m.ear.Leg.Pull(m.now)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keys += string(m.ear.Leg.Digits())
	m.sound = append(m.sound, heard...)
	m.sound = m.sound[max(0, len(m.sound)-8000):]
}

// says says something for so long, or until a key is pressed, if keys is true.
func (m *machine) says(what uint64, length time.Duration, keys bool) {
	for sound, before := mediatest.Babble(what, length, 8000), m.pressed(); len(sound) >= 160; sound = sound[160:] {
		if m.step(sound[:160]); keys && m.pressed() != before {
			return
		}
	}
}

// hums is a steady tone.
func (m *machine) hums(hz float64, length time.Duration) {
	m.phone.Says(hz)
	for range length / (20 * time.Millisecond) {
		m.step(m.phone.Frame())
	}
}

func (m *machine) waits(length time.Duration) {
	for range length / (20 * time.Millisecond) {
		m.step(make([]int16, 160))
	}
}

// takes waits until all of these keys have been pressed, and 0.2 s.
func (m *machine) takes(keys string) {
	for m.pressed() != keys {
		m.step(make([]int16, 160))
	}
	m.waits(200 * time.Millisecond)
}

// pressed is all keys that were pressed.
func (m *machine) pressed() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.keys
}

// level is how loud it has heard a pitch in the last half second.
func (m *machine) level(hz float64) float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return mediatest.Level(m.sound[max(0, len(m.sound)-4000):], hz, 8000)
}

// connects has the office connect the far side with room 5234.
func (h *house) connects(ctx context.Context, far dialout.Call, script string, change func(*links.Answer)) error {
	h.Helper()
	steps, err := links.ParseScript(script)
	if err != nil {
		h.Fatal(err)
	}
	a := links.Answer{Link: &links.Link{Room: "5234", Number: "84957776675", DTMF: script, Tone: 60 * time.Millisecond, Gap: 60 * time.Millisecond},
		Script: steps, Room: h.conference("5234"), Call: far}
	if change != nil {
		change(&a)
	}
	return h.office.Connect(ctx, a)
}

const second = time.Second

// side has a test run beside the others; what it does is nearly nothing but waiting, so that there may be more of them than there are cores.
func side(t *testing.T, all *sync.WaitGroup, what string, test func(t *testing.T)) {
	all.Go(func() { t.Run(what, test) })
}

// The far side asks, hears the keys, and is silent, says something else, goes on, or hangs up.
func TestConnecting(t *testing.T) {
	t.Parallel()
	var all sync.WaitGroup
	defer all.Wait()
	const asks, thanks, greets = 1, 2, 3
	for _, c := range []struct {
		what   string
		script string
		does   func(m *machine)
		keys   string
		err    string
	}{
		{"it asks, and is content", "W354233", func(m *machine) {
			m.waits(300 * time.Millisecond)
			m.says(asks, 2200*time.Millisecond, false)
			m.takes("354233")
		}, "354233", ""},
		{"it is answered before it has finished, as the article has it, and thanks", "ww354233", func(m *machine) {
			m.says(asks, 3*second, true)
			m.takes("354233")
			m.says(thanks, 3*second, false)
		}, "354233", ""},
		{"a conference without a machine", "", func(m *machine) { m.says(thanks, 10*second, false) }, "", ""},
		{"it greets, and only a pause is wanted", "Ww", func(m *machine) { m.says(greets, 2*second, false) }, "", ""},
		{"it hangs up when it has heard two keys", "W354233", func(m *machine) {
			m.says(asks, 2200*time.Millisecond, false)
			for len(m.pressed()) < 2 {
				m.step(make([]int16, 160))
			}
			m.Hangup("no such room")
		}, "35", "the far side has hung up before it was in"},
		{"it hangs up after the last key", "W12", func(m *machine) {
			m.says(asks, 2200*time.Millisecond, false)
			m.takes("12")
			m.Hangup("no such room")
		}, "12", "the far side has hung up before it was in"},
		{"it does not stop talking", "W12", func(m *machine) { m.says(asks, 15*second, false) }, "12", ""},
	} {
		side(t, &all, c.what, func(t *testing.T) {
			h := newHouse(t, nil)
			h.office.prompt = 5 * second
			h.comes("101", "5234", "")
			m := h.machine("84957776675", true)
			m.does(func() {
				m.waits(time.Second) // the machines of the others are being made
				c.does(m)
			})
			err := h.connects(t.Context(), m, c.script, nil)
			switch {
			case c.err == "" && err == nil:
				h.wantInside("5234", "101", "84957776675")
				m.Hangup("bye")
			case err == nil || err.Error() != c.err:
				t.Errorf("the error is %v, want %q", err, c.err)
			}
			h.wantInside("5234", "101")
			h.wantSeats(1)
			if got := m.pressed(); got != c.keys {
				t.Errorf("it has taken %q, want %q", got, c.keys)
			}
		})
	}
}

// Ann speaks while the far side asks: neither hears the other until the keys are sent, and then both do.
func TestNeitherHearsTheOtherBeforeTheKeys(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	ann := h.machine("101", true)
	ann.does(func() { ann.hums(440, time.Minute) })
	h.enters(ann.call, "5234", "")
	h.wantInside("5234", "101")
	m := h.machine("84957776675", true)
	asked := make(chan float64, 1)
	m.does(func() {
		m.hums(700, 2*second)
		m.waits(second)
		m.takes("12")
		asked <- m.level(440)
		m.hums(700, time.Minute)
	})
	before := make(chan float64, 1)
	go func() { // until the far side is in nobody hears it
		loudest := -127.0
		for !slices.Contains(h.inside("5234"), "84957776675") && m.Reason() == "" {
			loudest = max(loudest, ann.level(700))
			h.inside("a look takes a tick")
		}
		before <- loudest
	}()
	if err := h.connects(t.Context(), m, "W12", nil); err != nil {
		t.Fatal(err)
	}
	if level := <-before; level > -50 {
		t.Errorf("Ann hears the machine at %.0f dB", level)
	}
	if level := <-asked; level > -50 {
		t.Errorf("the machine hears Ann at %.0f dB", level)
	}
	h.await("both hear each other", func() bool { return ann.level(700) > -20 && m.level(440) > -20 })
	m.Hangup("bye")
	ann.Hangup("bye")
}

// The far side is patient: the room is open when it asks again. It is taken aside, answered, and back; when it asks once more, nothing is done. (What
// it says is told here; that the ear knows it again is tested with the rooms, where no other program takes the time away.)
func TestItAsksAgainInTheRoom(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.comes("101", "5234", "")
	m := h.machine("84957776675", true)
	m.does(func() {})
	if err := h.connects(t.Context(), m, "w12", nil); err != nil {
		t.Fatal(err)
	}
	h.wantInside("5234", "101", "84957776675")
	tells := func(kind rooms.Kind) { h.office.Hear(rooms.Event{Kind: kind, Call: m.ID(), Link: true}) }
	tells(rooms.AskedAgain)
	h.wantInside("5234", "101", "-84957776675")
	tells(rooms.Spoke)
	h.await("it is answered", func() bool { return m.pressed() == "1212" })
	h.wantInside("5234", "101", "84957776675")
	tells(rooms.AskedAgain)
	tells(rooms.Spoke)
	m.Hangup("bye")
	h.wantInside("5234", "101")
	if got := m.pressed(); got != "1212" {
		t.Errorf("in the end it has taken %q", got)
	}
}

// informed is a machine that takes keys by INFO.
type informed struct {
	*machine
	says bool // that it does
	err  error
}

func (i *informed) TakesInfo() bool { return i.says }
func (i *informed) SendInfo(_ context.Context, key byte, length time.Duration) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.err == nil {
		i.keys += fmt.Sprintf("%c:%s ", key, length)
	}
	return i.err
}

// The keys go as they are to go, or as the far side takes them; by a way that there is not they do not go.
func TestTheWaysOfSendingKeys(t *testing.T) {
	t.Parallel()
	var all sync.WaitGroup
	defer all.Wait()
	for _, c := range []struct {
		what         string
		send         links.Sending
		events, info bool // what it says that it takes
		informs      bool // the call can
		err          error
		keys, fails  string
	}{
		{"events", links.Auto, true, true, true, nil, "12", ""},
		{"tones", links.Auto, false, false, true, nil, "12", ""},
		{"INFO", links.Auto, false, true, true, nil, "1:60ms 2:60ms ", ""},
		{"INFO as configured, although it does not say so", links.Info, true, false, true, nil, "1:60ms 2:60ms ", ""},
		{"INFO, and it is refused", links.Info, true, true, true, errors.New("INFO was refused: 415 Unsupported"), "", "a key by INFO: INFO was refused: 415 Unsupported"},
		{"INFO in a call that has none", links.Info, true, true, false, nil, "", "keys cannot be sent by INFO in this call, as send has it"},
		{"tones as configured", links.Inband, true, true, true, nil, "12", ""},
		{"events as configured, and it has none", links.Events, false, true, true, nil, "", "the far side does not take keys as events (RFC 4733), as send has it"},
	} {
		side(t, &all, c.what, func(t *testing.T) {
			h := newHouse(t, nil)
			h.comes("101", "5234", "")
			m := h.machine("84957776675", c.events)
			if c.send == links.Inband { // it hears tones
				s := m.ear.Session()
				s.EventType = 0
				m.ear.Leg.Update(s)
			}
			m.does(func() {})
			var far dialout.Call = m
			if c.informs {
				far = &informed{machine: m, says: c.info, err: c.err}
			}
			err := h.connects(t.Context(), far, "w12", func(a *links.Answer) { a.Link.Send = c.send })
			if (err == nil) != (c.fails == "") || err != nil && err.Error() != c.fails {
				t.Errorf("the error is %v, want %q", err, c.fails)
			}
			if got := m.pressed(); got != c.keys {
				t.Errorf("it has taken %q, want %q", got, c.keys)
			}
			m.Hangup("bye")
			h.wantInside("5234", "101")
		})
	}
}

// The last one leaves while the script runs; the link is to go; there is no seat; the office is closed; there is a panic: the far side is not in, its
// seat is free, and why is said.
func TestConnectingComesToNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	ann := h.comes("101", "5234", "")
	begins := func(ctx context.Context, far dialout.Call, change func(*links.Answer)) <-chan error {
		done := make(chan error, 1)
		h.serves.Go(func() { done <- h.connects(ctx, far, ",,12", change) })
		return done
	}
	fails := func(done <-chan error, want string) {
		t.Helper()
		if err := <-done; err == nil || err.Error() != want {
			t.Errorf("the error is %v, want %q", err, want)
		}
	}

	m := h.machine("84957776675", true)
	ctx, leave := context.WithCancelCause(t.Context())
	done := begins(ctx, m, nil)
	h.wantInside("5234", "101", "(84957776675)")
	leave(dialout.ErrRoomEnded)
	fails(done, "the room has ended")
	h.wantInside("5234", "101")

	first := h.conference("5234")
	done = begins(t.Context(), m, func(a *links.Answer) { a.Script = a.Script[:1] })
	h.wantInside("5234", "101", "(84957776675)")
	ann.Hangup("bye")
	h.wantInside("5234", "(84957776675)")
	fails(done, rooms.ErrDeserted.Error())
	<-m.Done() // the room has hung it up
	h.wantSeats(0)
	fails(begins(t.Context(), h.machine("84957776675", true), func(a *links.Answer) { a.Room = first }), rooms.ErrDeserted.Error())

	h.comes("102", "5234", "")
	b := &broken{call: h.newCall("84957776675")}
	seat, err := h.rooms.ReserveInvited("5234", h.conference("5234").Incarnation)
	if err != nil {
		t.Fatal(err)
	}
	fails(begins(t.Context(), b, func(a *links.Answer) { a.Seat = seat }), "internal error")
	<-b.Done()
	h.wantPanics(1, "link")
	h.wantSeats(1)
	fails(begins(t.Context(), other{}, nil), "its call is none that a room could take")

	m = h.machine("84957776675", true)
	h.office.mu.Lock()
	h.office.closed = true
	h.office.mu.Unlock()
	fails(begins(t.Context(), m, func(a *links.Answer) { a.Script = nil }), "the server is shutting down")
	h.wantInside("5234", "102")
	h.office.mu.Lock()
	defer h.office.mu.Unlock()
	if len(h.office.far) > 0 {
		t.Errorf("%d far sides are still listened to", len(h.office.far))
	}
}

// other is a call that is not for rooms.
type other struct{}

func (other) ID() string            { return "other" }
func (other) Hangup(string)         {}
func (other) Done() <-chan struct{} { return nil }
func (other) Gone() <-chan struct{} { return nil }

// A far side that comes while the room is recorded is told so, as everybody is, whichever of the two has called.
func TestTheFarSideIsToldThatItIsRecorded(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *Config) {
		c.Tape = func(string) (rooms.Tape, error) {
			return sound.CreateTape(filepath.Join(t.TempDir(), "5234.wav"), prompts.Rate)
		}
	})
	boss := h.comes("boss", "5234", "")
	boss.presses("**4")
	words := rooms.NewSound(h.office.cfg.Prompts.Say(prompts.English, prompts.RecordingOn)...).Length()
	h.await("all who are there are told", func() bool {
		rec := h.rooms.Recording("5234")
		return rec != nil && time.Duration(rec.State().Samples)*time.Second/8000 > words+second
	})
	for what, comes := range map[string]func(m *machine){
		"called": func(m *machine) {
			if err := h.connects(t.Context(), m, "", nil); err != nil {
				t.Fatal(err)
			}
		},
		"has called": func(m *machine) {
			seat, err := h.rooms.Reserve("5234")
			if err != nil {
				t.Fatal(err)
			}
			seat.ForLink()
			p := seat.Join(m)
			h.office.TellTape(p, "5234")
			h.serves.Go(func() { // ends with the call
				<-m.Done()
				p.Leave("bye")
			})
		},
	} {
		m := h.machine("84957776675", true)
		m.does(func() {})
		comes(m)
		h.await("it is told, which "+what, func() bool { return m.peak() > 2000 })
		h.await("that is over", func() bool { return m.peak() < 100 })
		m.Hangup("bye")
	}
}

// peak is the loudest sample of the last second that it has heard.
func (m *machine) peak() int16 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Max(append([]int16{0}, m.sound...))
}
