package attendant

import (
	"context"
	"testing"

	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/prompts"
)

// Why nobody has come is said in words, which are not that the call has failed where somebody can do something about it. Of one who is there
// already, or is about to be, no tone says that anything is wrong.
func TestWhyNobodyHasComeIsSaid(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cause dialout.Cause
		said  prompts.Name
		tone  bool
	}{
		{dialout.NoLine, prompts.NoLine, true},
		{dialout.AlreadyIn, prompts.AlreadyIn, false},
		{dialout.AlreadyCalled, prompts.AlreadyRung, false},
		{"the room is full", prompts.Full, true},
		{dialout.RoomDaily, prompts.CallLimit, true},
		{dialout.Refused, prompts.Failed, true},
	} {
		t.Run(string(c.cause), func(t *testing.T) {
			h := newHouse(t, nil)
			h.script = func(context.Context, dialout.Request, func(dialout.Change)) dialout.Result {
				return dialout.Result{Outcome: dialout.Outcome{State: dialout.Failed, Cause: c.cause}}
			}
			ann := h.comes("101", "5234", "")
			hears := h.listens(ann)
			ann.presses("*1103#")
			h.hears(ann, "[103 "+string(c.said)+"]")
			if tone := hears.everPitched(ringback); tone != c.tone {
				t.Errorf("she hears a tone: %v", tone)
			}
			ann.presses("#")
			h.wantInside("5234", "101")
		})
	}
}

// The list of those who are missing says it likewise.
func TestWhySomebodyIsMissingIsSaid(t *testing.T) {
	h := newHouse(t, nil)
	h.groups.said = dialout.Report{Total: 2, In: 1, Missing: []dialout.MemberState{{
		Member: dialout.Member{Extension: "203"}, Outcome: dialout.Outcome{State: dialout.Failed, Cause: dialout.NoLine}}}}
	ann := h.comes("101", "5234", "")
	ann.presses("**0")
	h.await("she hears why", func() bool { return h.log.count("203 no-line") == 1 })
}
