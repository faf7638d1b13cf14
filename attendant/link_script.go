package attendant

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sipconf/sipconf/dialout/links"
	"github.com/sipconf/sipconf/rooms"
)

// How long the far side is waited for.
const (
	promptTime = 30 * time.Second // for the end of what it says; then the script goes on
	answerTime = 20 * time.Second // for whether it asks again; the ear takes half of that at most, but for a question that begins then
	keysTime   = 30 * time.Second // for keys to be sent, besides the time that they take: while it has us on hold none is
)

// presser presses keys at the far side, and returns when the gap behind the last one is over.
type presser func(ctx context.Context, strokes []rooms.Stroke) error

// informer is a call that can send keys by INFO; *sip.Call is one.
type informer interface {
	TakesInfo() bool                                                    // the far side has said that it reads them
	SendInfo(ctx context.Context, key byte, length time.Duration) error // returns when it has taken the key
}

// presser is the way in which keys are sent. The error is that it cannot be the one that is configured.
func (f *farSide) presser() (presser, error) {
	call, informs := f.call.(informer)
	events := f.p.TakesEvents()
	how := f.link.Send
	switch {
	case f.script.Keys() == "":
		return nil, nil
	case how == links.Events && !events:
		return nil, errors.New("the far side does not take keys as events (RFC 4733), as send has it")
	case how == links.Info && !informs:
		return nil, errors.New("keys cannot be sent by INFO in this call, as send has it")
	case how == links.Auto && events:
		how = links.Events
	case how == links.Auto && informs && call.TakesInfo():
		how = links.Info
	case how == links.Auto:
		how = links.Inband
	}
	f.log.Debug("how the far side gets keys", "keys", len(f.script.Keys()), "by", how.String())
	if how == links.Info {
		return func(ctx context.Context, strokes []rooms.Stroke) error { return f.inform(ctx, call, strokes) }, nil
	}
	return func(ctx context.Context, strokes []rooms.Stroke) error {
		return f.send(ctx, how == links.Inband, strokes)
	}, nil
}

// send sends keys by RTP.
func (f *farSide) send(ctx context.Context, inSound bool, strokes []rooms.Stroke) error {
	if err := f.p.SendKeys(inSound, strokes...); err != nil {
		return err
	}
	most := keysTime
	for _, s := range strokes {
		most += s.Length + s.Gap
	}
	_, sent, err := f.await(ctx, most, rooms.KeysSent)
	if err == nil && !sent {
		err = fmt.Errorf("the keys could not be sent within %s: is the line on hold?", most)
	}
	return err
}

// inform sends keys by INFO. The far side holds each down for as long as it is told.
func (f *farSide) inform(ctx context.Context, call informer, strokes []rooms.Stroke) error {
	for _, s := range strokes {
		began := time.Now()
		if s.Key != 0 {
			if err := call.SendInfo(ctx, s.Key, s.Length); err != nil {
				return fmt.Errorf("a key by INFO: %w", err)
			}
		}
		if err := f.pass(ctx, s.Length+s.Gap-time.Since(began)); err != nil {
			return err
		}
	}
	return nil
}

// play does the steps of a script one after the other.
func (f *farSide) play(ctx context.Context, script links.Script) error {
	for len(script) > 0 {
		var err error
		n := 1
		switch script[0].Kind {
		case links.Pause:
			err = f.pass(ctx, script[0].Pause)
		case links.Prompt:
			err = f.prompt(ctx)
		case links.Key:
			n = keysIn(script)
			f.p.Listen(rooms.ForSpeech)
			f.spoken = false
			err = f.press(ctx, f.strokes(script[:n]))
			f.p.Listen(rooms.ForQuestion) // if there is another one
		}
		if err != nil {
			return err
		}
		script = script[n:]
	}
	return nil
}

// keysIn is how many steps there are up to the last key before a prompt: what is waited for then may be spoken soon.
func keysIn(script links.Script) (n int) {
	for i, step := range script {
		switch step.Kind {
		case links.Prompt:
			return n
		case links.Key:
			n = i + 1
		}
	}
	return n
}

// strokes are keys and pauses as they are sent.
func (f *farSide) strokes(script links.Script) (strokes []rooms.Stroke) {
	for _, step := range script {
		if step.Kind == links.Key {
			strokes = append(strokes, rooms.Stroke{Key: step.Key, Length: f.link.Tone, Gap: f.link.Gap})
		} else {
			strokes = append(strokes, rooms.Stroke{Length: step.Pause})
		}
	}
	return strokes
}

// prompt waits for the end of what the far side says; if that has been since the last key, for nothing.
func (f *farSide) prompt(ctx context.Context) error {
	if !f.spoken {
		_, heard, err := f.await(ctx, f.office.prompt, rooms.Spoke)
		if err != nil {
			return err
		}
		if !heard {
			f.log.Info("the far side says nothing, or does not end: the script goes on", "waited", f.office.prompt)
		}
	}
	f.spoken = false
	return nil
}

// asksAgain waits until it is clear whether the far side asks its question again, and whether that is the first that it has asked.
func (f *farSide) asksAgain(ctx context.Context) (again, first bool, err error) {
	f.p.Listen(rooms.ForAnswer)
	e, _, err := f.await(ctx, answerTime, rooms.AskedAgain, rooms.WentOn)
	return e.Kind == rooms.AskedAgain, e.First, err
}

// answer answers a question that is being asked again: when it is over, with the keys that were sent after it, without pausing first.
func (f *farSide) answer(ctx context.Context, first bool) error {
	f.answered, f.spoken = true, false
	f.log.Info("the far side asks again: it is sent the keys once more")
	if err := f.prompt(ctx); err != nil {
		return err
	}
	script := f.script
	if !first {
		script = lastPart(script)
	}
	begin := slices.IndexFunc(script, func(s links.Step) bool { return s.Kind == links.Key })
	return f.play(ctx, script[begin:])
}

// lastPart is what a script has behind the last prompt to which it has keys.
func lastPart(script links.Script) links.Script {
	prompt := 0
	for i, step := range script {
		if step.Kind == links.Prompt && script[i:].Keys() != "" {
			prompt = i
		}
	}
	return script[prompt:]
}

// pass lets so much time pass.
func (f *farSide) pass(ctx context.Context, d time.Duration) error {
	_, _, err := f.await(ctx, d)
	return err
}

// await waits until one of these is heard, and notes the rest; false when none is in that time.  The error is that there is nothing to wait for any
// more.
func (f *farSide) await(ctx context.Context, within time.Duration, kinds ...rooms.Kind) (e rooms.Event, heard bool, err error) {
	late := time.NewTimer(within)
	defer late.Stop()
	for {
		for e, heard := f.heard.take(); heard; e, heard = f.heard.take() {
			f.spoken = f.spoken || e.Kind == rooms.Spoke
			if slices.Contains(kinds, e.Kind) {
				return e, true, nil
			}
		}
		select {
		case <-f.heard.came:
			continue
		case <-late.C:
			return rooms.Event{}, false, nil
		case <-f.call.Done():
		case <-ctx.Done():
		}
		return rooms.Event{}, false, f.over(ctx)
	}
}

// over is why there is nothing to wait for any more; nil: there is.
func (f *farSide) over(ctx context.Context) error {
	select {
	case <-f.call.Done():
		return errFarHungUp
	default:
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}
