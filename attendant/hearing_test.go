package attendant

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/rooms"
)

// says has his phone send a tone until the end of the test.
func (e *ear) says(hz float64) {
	stop, done := make(chan struct{}), make(chan struct{})
	e.h.Cleanup(func() { close(stop); <-done })
	go func() { // ends with the test
		defer close(done)
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for n := 0; ; n++ {
			select {
			case <-ticker.C:
				e.socket.WriteTo(packetOf(hz, n), e.leg)
			case <-stop:
				return
			}
		}
	}()
}

// packetOf is the n-th RTP packet of a tone (RFC 3550 section 5.1), 160 samples of A-law.
func packetOf(hz float64, n int) []byte {
	b := binary.BigEndian.AppendUint16([]byte{0x80, codec.PCMA.PayloadType}, uint16(n))
	b = binary.BigEndian.AppendUint32(b, uint32(160*n))
	b = append(b, 1, 2, 3, 4)
	frame, law := make([]int16, 160), make([]byte, 160)
	for i := range frame {
		frame[i] = int16(5000 * math.Sin(2*math.Pi*hz*float64(160*n+i)/8000))
	}
	codec.PCMA.Encode(law, frame)
	return append(b, law...)
}

// window is how many samples tell a pitch: 200 ms.
const window = 1600

// pitched says whether the tone is in the last 200 ms that he has heard, at -26 dBFS or more, which is half a tone of ours.
func (e *ear) pitched(hz float64) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.law) >= window && pitchedIn(e.law[len(e.law)-window:], hz)
}

// everPitched says whether it is anywhere in what he has heard.
func (e *ear) everPitched(hz float64) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for law := e.law; len(law) >= window; law = law[window/4:] {
		if pitchedIn(law[:window], hz) {
			return true
		}
	}
	return false
}

func pitchedIn(law []byte, hz float64) bool {
	pcm := make([]int16, window)
	codec.PCMA.Decode(pcm, law)
	var re, im float64
	for i, s := range pcm {
		sin, cos := math.Sincos(2 * math.Pi * hz * float64(i) / 8000)
		re, im = re+cos*float64(s), im+sin*float64(s)
	}
	return math.Hypot(re, im)*2/window > 1600
}

func (e *ear) hearsTone(hz float64) {
	e.h.Helper()
	e.h.await(fmt.Sprintf("%s hears %.0f Hz", e.name, hz), func() bool { return e.pitched(hz) })
}

// ringback is the pitch of our ringing tone.
const ringback = 425

// steps are what a dialler tells when the test says so.
type steps chan dialout.Change

func (h *house) stepping() (s steps, answer chan dialout.Result) {
	s, answer = make(steps), make(chan dialout.Result)
	h.script = func(ctx context.Context, req dialout.Request, watch func(dialout.Change)) dialout.Result {
		for {
			select {
			case c := <-s:
				watch(c)
			case r := <-answer:
				return r
			case <-ctx.Done():
				return dialout.Result{Outcome: dialout.Outcome{State: dialout.Cancelled}}
			}
		}
	}
	return s, answer
}

// The other exchange sends sound before the answer, without a 180, and there is no place left in the room for whom it comes from: Ann hears our
// ringing, and not silence.
func TestWithoutASeatForEarlyMediaItRings(t *testing.T) {
	h := newHouse(t, nil)
	h.rooms.Close()
	h.rooms = rooms.NewDirectory(rooms.Config{Engine: h.engine, OnEvent: h.hear, MaxParticipants: 1})
	h.groups.rooms, h.office.cfg.Rooms = h.rooms, h.rooms
	steps, answer := h.stepping()
	ann := h.comes("101", "5234", "")
	hears := h.listens(ann)
	ann.presses("*1103#")
	steps <- dialout.Change{State: dialout.Trying, Number: "103", Trunk: "a", Early: h.newCall("103")}
	hears.hearsTone(ringback)
	h.wantInside("5234", "-101")
	answer <- dialout.Result{Outcome: dialout.Outcome{State: dialout.Cancelled}}
}

// The first trunk sends sound and then a 503; the second one rings, sends sound as well, and its phone answers. Ann hears what is of the one
// that is being tried, and nobody is left over. The number to which a 302 leads is heard likewise.
func TestTheInviterHearsWhatIsBeingTried(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	first, second, third := h.newCall("first"), h.newCall("second"), h.newCall("third")
	for i, c := range []*call{first, second, third} {
		h.listens(c).says(float64(700 + 200*i))
	}
	steps, answer := h.stepping()
	ann := h.comes("101", "5234", "")
	hears := h.listens(ann)
	ann.presses("*1103#")
	steps <- dialout.Change{State: dialout.Queued, Number: "103"}
	steps <- dialout.Change{State: dialout.Trying, Number: "103", Trunk: "a"}
	steps <- dialout.Change{State: dialout.Trying, Number: "103", Trunk: "a", Early: first}
	h.wantInside("5234", "-101", "(first)")
	hears.hearsTone(700)
	first.Hangup("503")
	h.wantInside("5234", "-101")
	steps <- dialout.Change{State: dialout.Trying, Number: "103", Trunk: "b"}
	steps <- dialout.Change{State: dialout.Ringing, Number: "103", Trunk: "b"}
	hears.hearsTone(ringback)
	steps <- dialout.Change{State: dialout.Ringing, Number: "103", Trunk: "b", Early: second}
	h.wantInside("5234", "-101", "(second)")
	hears.hearsTone(900)
	steps <- dialout.Change{State: dialout.Ringing, Number: "104", Trunk: "b"} // before it is known that the call is over
	h.wantInside("5234", "-101")
	hears.hearsTone(ringback)
	steps <- dialout.Change{State: dialout.Ringing, Number: "104", Trunk: "b", Early: third}
	h.wantInside("5234", "-101", "(third)")
	hears.hearsTone(1100)
	answer <- dialout.Result{Outcome: dialout.Outcome{State: dialout.Answered}, Call: third, Number: "104", Policy: dialout.Straight}
	h.wantInside("5234", "101", "third")
}

// A 180 with SDP, and no sound comes: Ann hears it ring all the same, until there is something to be heard.
func TestEarlyMediaWithoutSound(t *testing.T) {
	h := newHouse(t, nil)
	carl := h.newCall("103")
	phone := h.listens(carl)
	steps, _ := h.stepping()
	ann := h.comes("101", "5234", "")
	hears := h.listens(ann)
	ann.presses("*1103#")
	steps <- dialout.Change{State: dialout.Trying, Number: "103", Trunk: "a"}
	steps <- dialout.Change{State: dialout.Ringing, Number: "103", Trunk: "a", Early: carl}
	h.wantInside("5234", "-101", "(103)")
	hears.hearsTone(ringback)
	phone.says(700)
	hears.hearsTone(700)
	steps <- dialout.Change{State: dialout.Ringing, Number: "103", Trunk: "a", Early: carl}
	h.wantInside("5234", "-101", "(103)")
	ann.presses("5")
	h.wantInside("5234", "101")
}
