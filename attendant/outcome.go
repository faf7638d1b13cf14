package attendant

import (
	"time"

	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/prompts"
	"github.com/sipconf/sipconf/rooms"
)

// toneTime is how long a busy tone is heard.
const toneTime = 2 * time.Second

// tell lets him hear why nobody has come: by a tone and in words.  A key ends it.
func (a *attendant) tell(o dialout.Outcome, number string) {
	d := &a.doing
	if d.task != disappointed {
		if o.State == dialout.Cancelled {
			return
		}
		*d = doing{task: disappointed, number: number, outcome: o}
		a.p.StepAside(nil)
		if o.Cause != dialout.AlreadyIn && o.Cause != dialout.AlreadyCalled { // there is nothing wrong with it
			tone, _ := signs(o)
			a.p.Play(tone, true)
			d.until = time.Now().Add(toneTime)
		}
	}
	if !d.said {
		if !d.until.IsZero() && !a.heardOut() {
			return
		}
		_, name := signs(d.outcome)
		d.said, d.until = true, time.Now().Add(a.say(prompts.Digits(number), name))
	}
	a.heardOut()
}

// signs are the tone and the words for an outcome.
func signs(o dialout.Outcome) (tone rooms.Sound, name prompts.Name) {
	switch o.State {
	case dialout.Busy:
		return rooms.BusyTone, prompts.Busy
	case dialout.Declined:
		return rooms.BusyTone, prompts.Declined
	case dialout.NoAnswer:
		return rooms.Reorder, prompts.NoAnswer
	case dialout.NoAccept:
		return rooms.Reorder, prompts.NoAccept
	case dialout.Unreachable:
		return rooms.Reorder, prompts.Unreachable
	case dialout.Failed:
		return rooms.Reorder, whyFailed(o.Cause)
	}
	return rooms.Reorder, prompts.Failed
}

// whyFailed is what is said of the causes that somebody can do something about.
func whyFailed(cause dialout.Cause) prompts.Name {
	switch cause {
	case dialout.BadNumber, dialout.TooLong:
		return prompts.WrongNumber
	case dialout.NotAllowed, dialout.Loop, dialout.NoTrunk:
		return prompts.NotAllowed
	case dialout.RoomAtOnce, dialout.CallerAtOnce, dialout.RoomDaily, dialout.CallerDaily, dialout.TrunkDaily:
		return prompts.CallLimit
	case dialout.NoLine:
		return prompts.NoLine
	case dialout.AlreadyIn:
		return prompts.AlreadyIn
	case dialout.AlreadyCalled:
		return prompts.AlreadyRung
	case dialout.RoomFull:
		return prompts.Full
	}
	return prompts.Failed
}
