package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/sip"
)

// roomVariable stands for the room in dialout.name.
const roomVariable = "${ROOM}"

// markHeader carries the mark by which a call of ours that comes back is known.
const markHeader = "X-Sipconf-Call"

// inviter is how the dialler sends its INVITEs: a dialout.Inviter over a sip.UA.
type inviter struct {
	ua     *sip.UA
	name   string          // what the phones of colleagues show who are called, with ${ROOM}
	ending <-chan struct{} // closed when the server shuts down: then nothing is waited for

	dialable func(room string) string // a number that leads into a room; empty: none is known; nil: the room's

	reads <-chan struct{} // closed when the signalling reads, so that a response would arrive; nil: it does

	ringing *ringing // where those of its INVITEs are that wait for an answer; nil: nobody wants to know

	before  map[string]*begun // the INVITEs that the process before has sent, by Call-ID
	answers map[string]bool   // the calls that have come of some of them there, by ID
}

// begun is an INVITE that the process before has sent, and how whoever picks up for it is heard of.
type begun struct {
	attempt *sip.Attempt
	picked  <-chan *sip.Call
	over    func()
}

// has says whether that is one of our calls that the dialler sees to.
func (i *inviter) has(id string) bool { return i.before[id] != nil || i.answers[id] }

// takeUp has the inviter know the INVITEs of those dial-outs, which the process before has sent. To be called before the user agent starts.
func (i *inviter) takeUp(dials []dialout.DialImage) {
	i.before, i.answers = make(map[string]*begun), make(map[string]bool)
	for _, d := range dials {
		if d.Call != "" {
			i.answers[d.Call] = true
		}
		if attempt := i.ua.RestoredAttempt(d.ID); attempt != nil && d.Call == "" && !d.Failure.Over {
			picked, over := i.awaited(d.ID)
			i.before[d.ID] = &begun{attempt, picked, over}
		}
	}
}

// Invite sends one INVITE and returns when it is answered or has failed.
func (i *inviter) Invite(ctx context.Context, a dialout.Attempt, progress func(dialout.Progress)) (dialout.Call, error) {
	target, err := i.target(&a)
	if err != nil {
		return nil, err
	}
	attempt, err := i.ua.Invite(ctx, target)
	if err != nil {
		return nil, failureOf(err)
	}
	picked, over := i.awaited(attempt.ID())
	defer over()
	progress(progressOf(attempt))
	return i.see(ctx, attempt, a.Settle, picked, progress)
}

// see sees an attempt through.
func (i *inviter) see(ctx context.Context, attempt *sip.Attempt, settle bool, picked <-chan *sip.Call, progress func(dialout.Progress)) (dialout.Call, error) {
	for {
		select {
		case <-attempt.Done():
			return ended(attempt)
		case call := <-picked:
			attempt.Cancel(sip.AnsweredElsewhere)
			return call, nil
		case <-attempt.Progressed():
			progress(progressOf(attempt))
		case <-ctx.Done():
			select {
			case <-attempt.Done(): // an answer that is there wins
				return ended(attempt)
			default:
				attempt.Cancel(cancelReason(context.Cause(ctx)))
				if settle {
					i.settle(attempt)
				}
				return nil, ctx.Err()
			}
		}
	}
}

// Continue is Invite for one that another process has sent.
func (i *inviter) Continue(ctx context.Context, id string, a dialout.Attempt, progress func(dialout.Progress)) (dialout.Call, error) {
	before := i.before[id]
	if before == nil {
		return nil, dialout.ErrInterrupted
	}
	defer before.over()
	progress(progressOf(before.attempt))
	return i.see(ctx, before.attempt, a.Settle, before.picked, progress)
}

// awaited lets others know that an answer to the INVITE is awaited, until over.
func (i *inviter) awaited(id string) (picked <-chan *sip.Call, over func()) {
	if i.ringing == nil {
		return nil, func() {}
	}
	return i.ringing.wait(id)
}

// mostSettling is how long a cancelled attempt is waited for: as long as a transaction lasts.
const mostSettling = 32 * time.Second

// settle waits until the far side has said its last word on an attempt that was cancelled.
func (i *inviter) settle(attempt *sip.Attempt) {
	timer := time.NewTimer(mostSettling)
	defer timer.Stop()
	waits := func(over <-chan struct{}) bool {
		select {
		case <-over:
			return true
		case <-timer.C:
		case <-i.ending:
		}
		return false
	}
	if !waits(attempt.Settled()) {
		return
	}
	if call, err := attempt.Wait(context.Background()); err == nil { // it was answered just before, and Cancel has hung it up
		waits(call.Gone())
	}
}

// Probe asks the trunk's peer for a sign of life.
func (i *inviter) Probe(ctx context.Context, t dialout.Trunk) error {
	target, err := i.target(&dialout.Attempt{Trunk: t})
	if err != nil {
		return err
	}
	if i.reads != nil { // a trunk may be probed as soon as there is a dialler
		select {
		case <-i.reads:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	_, _, err = i.ua.Options(ctx, target)
	return err
}

// target is whom an attempt calls, and how. Its time-out is above that of any dial-out: the dialler knows how long it rings.
func (i *inviter) target(a *dialout.Attempt) (sip.Target, error) {
	uri, err := trunkURI(a.Number, &a.Trunk)
	if err != nil {
		return sip.Target{}, err
	}
	number, host := trunkFrom(&a.Trunk)
	t := sip.Target{
		URI: uri, From: sip.Identity{Number: number}, FromHost: host,
		User: a.Trunk.User, Password: string(a.Trunk.Password), Timeout: 2 * mostRing, Watch: a.Watch,
		Replaces: a.Replaces,
	}
	if a.Room != "" && a.Trunk.Internal {
		// Colleagues see the room, and can dial it. Strangers do not: anybody may make a room with any number, and with it
		// the number that a carrier shows.
		if number == "" {
			t.From.Number = a.Room
		}
		t.Focus = a.Room
		if i.dialable != nil {
			t.Focus = cmp.Or(i.dialable(a.Room), a.Room)
		}
		t.From.Name = strings.ReplaceAll(i.name, roomVariable, a.Room)
	}
	if a.Mark != "" {
		t.Headers = []sip.Header{{Name: markHeader, Value: a.Mark}}
	}
	return t, nil
}

// ended is what an attempt has come to.
func ended(attempt *sip.Attempt) (dialout.Call, error) {
	call, err := attempt.Wait(context.Background())
	if err != nil {
		return nil, failureOf(err)
	}
	return call, nil
}

// progressOf is how far an attempt has come.
func progressOf(attempt *sip.Attempt) dialout.Progress {
	now := attempt.Progress()
	p := dialout.Progress{ID: attempt.ID()}
	switch {
	case now.Ringing():
		p.State = dialout.Ringing
	case now.Code != 0:
		p.State = dialout.Trying
	}
	if now.Early {
		p.Early = attempt.Call()
	}
	return p
}

// cancelReason is what the phones are told that ring no more.
func cancelReason(cause error) string {
	if errors.Is(cause, dialout.ErrElsewhere) {
		return sip.AnsweredElsewhere
	}
	return ""
}

// failureOf is a failed INVITE in the dialler's words.
func failureOf(err error) error {
	var f *sip.Failure
	if !errors.As(err, &f) {
		return &dialout.Failure{Class: dialout.Other, Err: err} // of our own side
	}
	switch f.Cause {
	case sip.Unreachable:
		return &dialout.Failure{Class: dialout.OutOfReach, Err: f.Err}
	case sip.NoAnswer:
		return &dialout.Failure{Class: dialout.Unanswered}
	case sip.Unusable:
		return &dialout.Failure{Class: dialout.Other, Code: f.Code, Err: f.Err}
	case sip.Cancelled:
		return context.Canceled
	}
	refused := &dialout.Failure{Class: classOf(f), Code: f.Code, RetryAfter: f.RetryAfter}
	for _, contact := range f.Contacts {
		if number := sip.NumberIn(contact); number != "" {
			refused.Targets = append(refused.Targets, number)
		}
	}
	return refused
}

// classOf is what a final response means. The cause of the telephone network, where it is stated, says more than a
// status that ends the call: Asterisk answers 403 for a phone that has declined (603), and 503 for much.
func classOf(f *sip.Failure) dialout.Class {
	class := dialout.ClassOf(f.Code)
	if class == dialout.Redirect || class == dialout.AuthFailed {
		return class
	}
	switch f.Q850() {
	case 17: // user busy
		return dialout.CalleeBusy
	case 21: // call rejected
		return dialout.CalleeDeclined
	case 18, 19: // no user responding, no answer from user
		return dialout.Unanswered
	case 20, 3: // subscriber absent; no route, which Asterisk says of a phone that has not registered
		return dialout.Absent
	}
	return class
}

// trunkURI is the URI of a number behind a trunk; without a number, that of the trunk itself.
func trunkURI(number string, t *dialout.Trunk) (string, error) {
	return sip.NumberAt(number, t.Address, t.Transport)
}

// trunkFrom is the number and the host that calls over a trunk come from; empty where it says nothing.
func trunkFrom(t *dialout.Trunk) (number, host string) {
	number, host, _ = strings.Cut(t.From, "@")
	return number, host
}

// checkTrunkAddress says what is wrong with the address of a trunk.
func checkTrunkAddress(t *dialout.Trunk, cfg *SIPConfig) error {
	if strings.Contains(t.Address, "@") {
		return errors.New("leave out what stands before the @: numbers are put there, and user and password have keys of their own")
	}
	uri, err := trunkURI("", t)
	if err != nil {
		return err
	}
	network, remote, numeric := sip.AddressIn(uri)
	addr := remote.Addr()
	switch {
	case !slices.ContainsFunc(cfg.Listen, func(l listener) bool { return l.Network == network && (!numeric || l.Addr.Addr().Is4() == addr.Is4()) }):
		return fmt.Errorf("nothing in sip.listen is %s: listen there, too", strings.ToUpper(network)+ofFamily(addr))
	case !numeric:
		return nil
	case slices.ContainsFunc(cfg.Listen, func(l listener) bool { return l.Network == network && l.Addr == remote }):
		return errors.New("that is our own address (sip.listen): write that of the PBX")
	case !slices.ContainsFunc(cfg.Trusted, func(p netip.Prefix) bool { return p.Contains(addr) }):
		return fmt.Errorf("%s is not in sip.trusted, so that its answers would be refused: add it there", addr)
	}
	return nil
}

// ofFamily is " over IPv4", " over IPv6", or nothing for a name.
func ofFamily(addr netip.Addr) string {
	if !addr.IsValid() {
		return ""
	}
	return " over " + family(addr)
}
