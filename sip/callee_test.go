package sip

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
	"github.com/sipconf/sipconf/media"
)

// callee is a phone that we have called: one of those, perhaps, that a proxy
// has our INVITE ring.
type callee struct {
	*phone
	invite *sipgo.Request
	tag    string
}

// dials calls a phone.
func (w *world) dials(p *phone, changes ...func(*Target)) *Attempt {
	w.t.Helper()
	target := Target{URI: "sip:200@" + p.addr, From: Identity{Name: "Room 5234", Number: "5234"}}
	for _, change := range changes {
		change(&target)
	}
	a, err := w.ua.Invite(context.Background(), target)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// ringsAtAPhone is a call of ours that rings at a phone, with what they know of it.
func (w *world) ringsAtAPhone() (*phone, *Attempt, *callee) {
	w.t.Helper()
	p := w.phone()
	a := w.dials(p)
	c := p.rung()
	c.says(180, "")
	moved(w.t, a, 180, false)
	return p, a, c
}

// rung waits for the INVITE.
func (p *phone) rung() *callee {
	p.w.t.Helper()
	return p.callee(p.wantsRequest("INVITE", 10*time.Second, 0), "callee")
}

func (p *phone) callee(invite *sipgo.Request, tag string) *callee {
	c := &callee{phone: p, invite: invite, tag: tag}
	p.callID, p.fromTag = invite.CallID().Value(), tag
	p.toTag, _ = invite.From().Params.Get("tag")
	p.to = "<" + invite.From().Address.String() + ">"
	p.target = invite.Contact().Address.String()
	p.cseq = 0
	return c
}

// fork is another phone with the same INVITE, at an address of its own.
func (c *callee) fork(tag string) *callee {
	return c.w.phone().callee(c.invite, tag)
}

// says answers the INVITE.
func (c *callee) says(status int, body string, headers ...string) {
	req := c.invite.Clone()
	req.SetSource(c.invite.Source())
	if status > 100 {
		req.To().Params.Add("tag", c.tag)
		headers = append([]string{"Contact: <" + c.contact + ">"}, headers...)
	}
	c.answers(req, status, body, headers...)
}

// picksUp answers with 200 and gets the ACK.
func (c *callee) picksUp(a *Attempt, headers ...string) *Call {
	c.w.t.Helper()
	c.says(200, pcmaSDP, headers...)
	c.wantsACK()
	return answered(c.w.t, a)
}

func (c *callee) wantsACK() *sipgo.Request {
	c.w.t.Helper()
	ack := c.wantsRequest("ACK", time.Second, 0)
	if got, want := ack.CSeq().SeqNo, c.invite.CSeq().SeqNo; got != want {
		c.w.t.Errorf("ACK %d for INVITE %d", got, want)
	}
	return ack
}

// refuses answers with something else than 2xx and gets its ACK.
func (c *callee) refuses(status int, headers ...string) *sipgo.Request {
	c.w.t.Helper()
	c.says(status, "", headers...)
	ack := c.wantsACK()
	if tag, _ := ack.To().Params.Get("tag"); tag != c.tag {
		c.w.t.Errorf("ACK to tag %q", tag)
	}
	if branchOf(ack) != branchOf(c.invite) {
		c.w.t.Errorf("the ACK has a branch of its own")
	}
	return ack
}

// wantsCANCEL gets the CANCEL of the INVITE and answers it.
func (c *callee) wantsCANCEL(within time.Duration) *sipgo.Request {
	c.w.t.Helper()
	cancel := c.wantsRequest("CANCEL", within, 0)
	if branchOf(cancel) != branchOf(c.invite) || cancel.CSeq().SeqNo != c.invite.CSeq().SeqNo || cancel.To().Params.Has("tag") ||
		cancel.Recipient.String() != c.invite.Recipient.String() || cancel.CallID().Value() != c.invite.CallID().Value() {
		c.w.t.Errorf("this does not cancel the INVITE:\n%s", cancel)
	}
	c.answers(cancel, 200, "")
	return cancel
}

func branchOf(msg sipgo.Message) string {
	branch, _ := msg.Via().Params.Get("branch")
	return branch
}

// answered is the call that an attempt has become.
func answered(t *testing.T, a *Attempt) *Call {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	call, err := a.Wait(ctx)
	if err != nil {
		t.Fatalf("no call: %v", err)
	}
	return call
}

// failed is how an attempt ended.
func failed(t *testing.T, a *Attempt, cause Cause, code int) *Failure {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	call, err := a.Wait(ctx)
	var f *Failure
	if !errors.As(err, &f) {
		t.Fatalf("got call %v and %v, want a failure", call, err)
	}
	if f.Cause != cause || f.Code != code {
		t.Errorf("failed with %v %d (%v), want %v %d", f.Cause, f.Code, f, cause, code)
	}
	return f
}

// moved waits until an attempt has come so far.
func moved(t *testing.T, a *Attempt, code int, early bool) {
	t.Helper()
	timeout := time.After(time.Second)
	for {
		p := a.Progress()
		if p.Code == code && p.Early == early {
			return
		}
		select {
		case <-a.Progressed():
		case <-timeout:
			t.Fatalf("progress %+v, want %d, early %v", p, code, early)
		}
	}
}

// watched is a Media whose legs can be asked whether they are closed.
type watched struct{ conns []*watchedConn }

type watchedConn struct {
	noConn
	closed atomic.Bool
}

func (c *watchedConn) Close() error { c.closed.Store(true); return nil }

func (w *watched) Open(local netip.Addr) (*media.Leg, error) {
	conn := &watchedConn{noConn: noConn{netip.AddrPortFrom(local, uint16(20000+2*len(w.conns)))}}
	w.conns = append(w.conns, conn)
	return media.NewLeg(media.LegConfig{}, conn), nil
}

// wantClosed checks that all legs are closed.
func (w *watched) wantClosed(t *testing.T, want bool) {
	t.Helper()
	for i, conn := range w.conns {
		if conn.closed.Load() != want {
			t.Errorf("leg %d: closed is %v, want %v", i, !want, want)
		}
	}
}

func wantList(t *testing.T, what string, got []string, want string) {
	t.Helper()
	if text := strings.Join(got, " "); text != want {
		t.Errorf("%s: %s, want %s", what, text, want)
	}
}

// legSession is what the leg of a call was told last.
func legSession(call *Call) media.Agreed {
	leg := call.Leg()
	leg.Pull(0)
	return leg.State().Agreed
}
