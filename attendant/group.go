package attendant

import (
	"context"
	"errors"
	"time"

	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/prompts"
)

// callGroup calls a group together.  Whatever becomes of it, he is in his room; unless there is no such group, and
// the configuration has him released then.
func (a *attendant) callGroup(ctx context.Context, group string) {
	a.doing = doing{task: lookingFor, number: group}
	a.lookGroupUp(ctx)
}

func (a *attendant) lookGroupUp(ctx context.Context) {
	defer func() { a.doing = doing{} }()
	group := a.doing.number
	called, err := 0, dialout.ErrNoGroup
	if a.office.cfg.Groups != nil {
		a.works.as(lookingUp, func() { called, err = a.office.cfg.Groups.Call(ctx, a.conference(), group, a.caller()) })
	}
	switch {
	case ctx.Err() != nil:
		return // he has hung up
	case errors.Is(err, dialout.ErrNoGroup):
		a.log.Info("there is no such group", "group", group)
	case err != nil:
		a.log.Warn("the group cannot be called", "group", group, "err", err)
	}
	a.announceCalled(called, err)
	if errors.Is(err, dialout.ErrNoGroup) && a.office.cfg.ReleaseUnknown {
		a.doing = doing{task: parting, until: time.Now().Add(a.office.sound(a.lang, prompts.UnknownGroup).Length())}
		a.sendAway()
	}
}

// sendAway hangs him up when he has been told that there is no such group.
func (a *attendant) sendAway() {
	defer func() { a.doing = doing{} }()
	a.key(a.doing.until)
	a.call.Hangup("there is no such group")
}

// callMissing calls those of his groups who are not here.
func (a *attendant) callMissing(ctx context.Context) {
	if a.office.cfg.Groups == nil {
		a.say(prompts.EmptyGroup)
		return
	}
	a.doing = doing{task: missing}
	defer func() { a.doing = doing{} }()
	var called int
	var err error
	a.works.as(lookingUp, func() { called, err = a.office.cfg.Groups.Missing(ctx, a.conference(), a.caller()) })
	if err != nil && !errors.Is(err, dialout.ErrNoGroup) && ctx.Err() == nil {
		a.log.Warn("those who are missing cannot be called", "called", called, "err", err)
	}
	a.announceCalled(called, err)
}

func (a *attendant) announceCalled(called int, err error) {
	switch {
	case errors.Is(err, dialout.ErrNoGroup):
		a.say(prompts.UnknownGroup)
	case errors.Is(err, dialout.ErrLimit):
		a.say(prompts.CallLimit)
	case err != nil:
		a.say(prompts.DirectoryUnavailable)
	case called > 0:
		a.say(prompts.CallingGroup(called))
	default:
		a.result()
	}
}

// mostNamed is how many missing are named: nobody listens to more numbers.
const mostNamed = 7

// result says who of the groups is here and who is missing, and why.
func (a *attendant) result() {
	if a.office.cfg.Groups == nil {
		a.say(prompts.EmptyGroup)
		return
	}
	r := a.office.cfg.Groups.Report(a.conference())
	if r.Total == 0 {
		a.say(prompts.EmptyGroup)
		return
	}
	var absent []prompts.Absent
	for _, m := range r.Missing[:min(len(r.Missing), mostNamed)] {
		name := why[m.State]
		if m.State == dialout.Failed {
			name = whyFailed(m.Cause)
		}
		absent = append(absent, prompts.Absent{Number: m.First(), Why: name})
	}
	a.say(prompts.GroupResult(r.In, r.Total, absent))
}

// why is what is said of a member who is missing; of one whom nothing but a cause keeps away whyFailed says it.
var why = map[dialout.State]prompts.Name{
	dialout.Trying: prompts.Ringing, dialout.Ringing: prompts.Ringing, dialout.Busy: prompts.Busy, dialout.Declined: prompts.Declined,
	dialout.NoAnswer: prompts.NoAnswer, dialout.NoAccept: prompts.NoAccept, dialout.Unreachable: prompts.Unreachable,
}
