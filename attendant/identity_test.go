package attendant

import (
	"context"
	"testing"
	"time"

	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/prompts"
	"github.com/sipconf/sipconf/rooms"
)

// The boss has muted all and transfers her call: who is on it then is muted like all the others and told, removes nobody, and is told things
// in his own language. What she had begun to type is not his. When she is back she is a host again.
func TestAHostTransfersHerCall(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *Config) {
		c.Language = func(room, number string) string {
			if number == "109" {
				return prompts.Russian
			}
			return prompts.English
		}
		c.Pause = 10 * time.Second
	})
	h.comes("101", "5234", "")
	boss := h.comes("boss", "5234", "")
	hears := h.listens(boss)
	boss.presses("**2")
	h.wantInside("5234", "101~", "boss")
	boss.presses("**")
	boss.becomes("109")
	h.wantInside("5234", "101~", "109~")
	h.await("he is told that he is muted", func() bool { return hears.heardIn(prompts.Russian, prompts.MutedByHost) == 1 })
	boss.presses("3**3**2")
	boss.presses("*2")
	h.wantInside("5234", "101~", "109!~")
	boss.presses("*2")
	h.wantInside("5234", "101~", "109~")
	boss.becomes("boss")
	h.wantInside("5234", "101~", "boss")
	boss.presses("**2")
	h.wantInside("5234", "101", "boss")
}

// Who has called a group together is a host in his room, and whoever gets his call is not.
func TestWhoCallsAGroupTransfersHisCall(t *testing.T) {
	h := newHouse(t, nil)
	h.groups.n = 1
	ann := h.comes("101", "5234", "100")
	h.comes("102", "5234", "")
	ann.becomes("109")
	h.wantInside("5234", "109", "102")
	ann.presses("**3*2")
	h.wantInside("5234", "109!", "102")
	ann.becomes("101")
	h.wantInside("5234", "101!", "102")
	ann.presses("**3")
	h.wantInside("5234", "101!")
}

// Whom we have called is who was dialled: his side's word that he is the boss makes no host of him. The boss is one if she was dialled, whatever her
// side calls her; and when it calls her something else later, she has transferred the call.
func TestAGuestIsWhoWasDialled(t *testing.T) {
	h := newHouse(t, nil)
	carl, boss := h.newCall("boss"), h.newCall("2010")
	h.mu.Lock()
	h.script = dialsTo(map[string]*call{"103": carl, "boss": boss})
	h.mu.Unlock()
	ann := h.comes("101", "5234", "")
	ann.presses("*1103#")
	h.wantInside("5234", "101", "boss")
	carl.presses("**2*2")
	h.wantInside("5234", "101", "boss!")
	carl.becomes("chief")
	h.wantInside("5234", "101", "chief!")
	carl.presses("**2*2")
	h.wantInside("5234", "101", "chief")
	carl.Hangup("gone")
	h.wantInside("5234", "101")

	member := dialout.Guest{Caller: "101", Result: dialout.Result{Call: boss, Number: "boss", Policy: dialout.Straight, Lease: dialout.Lease{Room: h.conference("5234")}}}
	if got := h.office.Receive(t.Context(), member); got != dialout.In {
		t.Fatal(got)
	}
	h.wantInside("5234", "101", "2010")
	boss.presses("**2")
	h.wantInside("5234", "101~", "2010")
	boss.becomes("109")
	h.wantInside("5234", "101~", "109~")
}

// Somebody gets a call in a room that is recorded: he is told of that, as anybody who comes in.
func TestWhoGetsACallIsToldOfTheRecording(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *Config) { c.Tape = func(string) (rooms.Tape, error) { return new(nowhere), nil } })
	ann := h.comes("101", "5234", "")
	hears := h.listens(ann)
	h.comes("boss", "5234", "").presses("**4")
	hears.hears(prompts.RecordingOn)
	ann.becomes("109")
	h.await("he is told", func() bool { return hears.heard(prompts.RecordingOn) == 2 })
}

// nowhere is a tape that keeps nothing.
type nowhere struct{}

func (w *nowhere) Name() string        { return "nowhere.wav" }
func (w *nowhere) Samples() int64      { return 0 }
func (w *nowhere) Write([]int16) error { return nil }
func (w *nowhere) Close() error        { return nil }

// dialsTo makes a dialler that knows who has which number.
func dialsTo(who map[string]*call) func(context.Context, dialout.Request, func(dialout.Change)) dialout.Result {
	return func(_ context.Context, req dialout.Request, _ func(dialout.Change)) dialout.Result {
		if who[req.Number] == nil {
			return dialout.Result{Outcome: dialout.Outcome{State: dialout.Busy}}
		}
		return dialout.Result{Outcome: dialout.Outcome{State: dialout.Answered}, Call: who[req.Number], Number: req.Number, Policy: dialout.Straight}
	}
}
