package sip

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// takesOver is a handler that has whoever wants to take the place of a call take it.
func (w *world) takesOver(ctx context.Context, call *Call) {
	old := call.Replaces()
	call.Ring()
	if call.Answer(ctx) != nil {
		return
	}
	if call.Replaces() != nil {
		w.t.Error("an answered call keeps the one whose place it has taken")
	}
	if old != nil {
		old.Hangup("replaced")
	}
	w.calls <- call
	<-call.Done()
}

func takesOver(story func(w *world)) func(*testing.T) {
	return func(t *testing.T) {
		t.Helper()
		var this *world
		inWorld(t, func(_ *Config, h *Handler) {
			*h = func(ctx context.Context, call *Call) { this.takesOver(ctx, call) }
		}, func(w *world) { this = w; story(w) })
	}
}

// place is the Replaces header that names the phone's dialog: our tag is the
// to-tag, for it is us who get it.
func (p *phone) place(more ...string) string {
	return fmt.Sprintf("Replaces: %s;to-tag=%s;from-tag=%s%s", p.callID, p.toTag, p.fromTag, strings.Join(more, ""))
}

func TestReplaces(t *testing.T) {
	t.Run("a call that came in", takesOver(func(w *world) {
		p, q := w.phone(), w.phone()
		old := p.calls()
		q.invites(pcmaSDP, p.place(), "Require: replaces")
		answer := q.wants(200)
		wantHeader(t, answer, "Supported", supported)
		time.Sleep(100 * time.Millisecond)
		p.wantsNothing(0) // nothing is ended before the new one is there
		q.acks("")
		w.taken()
		p.wantsRequest("BYE", time.Second, 200)
		wantEnded(w.t, old, false, "replaced")
		q.hangsUp()
	}))
	t.Run("with the tags the other way round, in strange spelling", takesOver(func(w *world) {
		p, q := w.phone(), w.phone()
		p.calls()
		q.calls(fmt.Sprintf("replaces:  %s ; From-Tag = %s;x=\"a;b\";  TO-TAG=%s ;y", p.callID, p.fromTag, p.toTag))
		p.wantsRequest("BYE", time.Second, 200)
		q.hangsUp()
	}))
	t.Run("one of ours", takesOver(func(w *world) {
		p, q := w.phone(), w.phone()
		a := w.dials(p)
		c := p.rung()
		old := c.picksUp(a)
		q.calls(p.place())
		c.wantsRequest("BYE", time.Second, 200)
		wantEnded(w.t, old, false, "replaced")
		q.hangsUp()
	}))
	t.Run("one of ours that still rings", takesOver(func(w *world) {
		p, q := w.phone(), w.phone()
		a := w.dials(p)
		c := p.rung()
		c.says(180, "")
		moved(w.t, a, 180, false)
		q.calls(p.place(";early-only"))
		c.wantsCANCEL(time.Second)
		c.refuses(487)
		failed(w.t, a, Cancelled, 487)
		q.hangsUp()
	}))
	t.Run("and its INVITE comes again", takesOver(func(w *world) {
		p, q := w.phone(), w.phone()
		p.calls()
		q.cseq++
		q.inviteCSeq, q.branch = q.cseq, q.newBranch()
		invite := q.text("INVITE", q.branch, pcmaSDP, p.place())
		q.raw(invite)
		q.wants(200)
		q.acks("")
		w.taken()
		p.wantsRequest("BYE", time.Second, 200)
		time.Sleep(time.Second)
		q.raw(invite) // long on its way
		q.wantsNothing(time.Second)
		q.hangsUp()
		q.raw(invite)
		q.wantsNothing(time.Second)
	}))
	t.Run("one after the other", takesOver(func(w *world) {
		p := w.phone()
		p.calls()
		for range 5 {
			q := w.phone()
			q.calls(p.place())
			p.wantsRequest("BYE", time.Second, 200)
			p = q
		}
		p.hangsUp()
	}))
	t.Run("of a peer without a tag", takesOver(func(w *world) {
		p, q := w.phone(), w.phone()
		old := p.calls()
		untagged := dialogID{old.id.CallID, old.id.LocalTag, ""}
		w.ua.mu.Lock()
		delete(w.ua.calls, old.id)
		w.ua.calls[untagged] = old // as RFC 2543 has it
		w.ua.mu.Unlock()
		q.calls(fmt.Sprintf("Replaces: %s;to-tag=%s;from-tag=0", p.callID, p.toTag))
		p.wantsRequest("BYE", time.Second, 200)
		q.hangsUp()
		w.ua.mu.Lock()
		delete(w.ua.calls, untagged)
		w.ua.mu.Unlock()
	}))
}

func TestReplacesIsRefused(t *testing.T) {
	t.Run("for what it says", takesOver(func(w *world) {
		p := w.phone()
		old := p.calls()
		other := w.phone()
		for header, status := range map[string]int{
			p.place() + "\r\n" + p.place():                                     400,
			p.place() + "\r\nJoin: x;to-tag=a;from-tag=b":                      400,
			p.place() + ", " + strings.TrimPrefix(other.place(), "Replaces: "): 400,
			"Replaces: " + p.callID:                                            400,
			"Replaces: " + p.callID + ";to-tag=" + p.toTag:                     400,
			p.place(";to-tag=x"):                                               400,
			"Replaces: ;to-tag=" + p.toTag + ";from-tag=" + p.fromTag:          400,
			p.place("x"):/* another tag */ 481,
			fmt.Sprintf("Replaces: %s;to-tag=%s;from-tag=%s", p.callID, p.fromTag, p.toTag):                  481,
			fmt.Sprintf("Replaces: %s;to-tag=%s;from-tag=0", p.callID, p.toTag):                              481,
			fmt.Sprintf("Replaces: %s;to-tag=%s;from-tag=%s", strings.ToUpper(p.callID), p.toTag, p.fromTag): 481,
			p.place(";early-only"): 486,
		} {
			q := w.phone()
			q.refused(status, pcmaSDP, header)
		}
		p.wantsNothing(time.Second)
		if old.Ended() != (Ending{}) {
			t.Errorf("ended: %+v", old.Ended())
		}
		p.sends("OPTIONS", "", other.place())
		p.wants(400)
		p.invites(pcmaSDP, other.place()) // within a call
		p.wants(400)
		p.acksRefusal()
		p.hangsUp()
	}))
	t.Run("when it rings and the peer has called", func(t *testing.T) {
		ring := func(_ *Config, h *Handler) {
			*h = func(ctx context.Context, call *Call) { call.Ring(); <-ctx.Done() }
		}
		inWorld(t, ring, func(w *world) {
			p, q := w.phone(), w.phone()
			p.invites(pcmaSDP)
			p.wants(180)
			q.refused(481, pcmaSDP, p.place())
			p.request("CANCEL", p.branch, "")
			p.wants(200)
			p.wants(487)
			p.acksRefusal()
		})
	})
	t.Run("when it is being ended", takesOver(func(w *world) {
		p, q := w.phone(), w.phone()
		old := p.calls()
		old.Hangup("")
		bye := p.wantsRequest("BYE", time.Second, 0)
		q.refused(603, pcmaSDP, p.place())
		p.answers(bye, 200, "")
		synctest.Wait()
		q.toTag = ""
		q.refused(481, pcmaSDP, p.place())
	}))
	t.Run("when it is one of ours that was cancelled", takesOver(func(w *world) {
		p, q := w.phone(), w.phone()
		a := w.dials(p)
		c := p.rung()
		c.says(180, "")
		moved(w.t, a, 180, false)
		a.Cancel("")
		c.wantsCANCEL(time.Second)
		q.refused(603, pcmaSDP, p.place())
		c.refuses(487)
	}))
	t.Run("when its media cannot be had", takesOver(func(w *world) {
		p, q := w.phone(), w.phone()
		old := p.calls()
		q.refused(488, strings.ReplaceAll(pcmaSDP, "RTP/AVP 8 101", "RTP/AVP 99"), p.place())
		p.wantsNothing(time.Second)
		if old.Ended() != (Ending{}) {
			t.Errorf("ended: %+v", old.Ended())
		}
		p.hangsUp()
	}))
}

// Nobody keeps a call that is over, however often its place is taken.
func TestReplacedCallIsForgotten(t *testing.T) {
	takesOver(func(w *world) {
		p := w.phone()
		p.calls()
		q := w.phone()
		call := q.calls(p.place())
		p.wantsRequest("BYE", time.Second, 200)
		if call.Replaces() != nil {
			t.Error("it is kept")
		}
		q.hangsUp()
	})(t)
	inWorld(t, nil, func(w *world) { // nor where the handler does not answer
		w.ua.handler = func(ctx context.Context, call *Call) {
			if call.Replaces() != nil {
				call.Reject(486, "Busy Here")
				w.calls <- call
				return
			}
			w.answerAll(ctx, call)
		}
		p := w.phone()
		p.calls()
		q := w.phone()
		q.refused(486, pcmaSDP, p.place())
		if w.taken().Replaces() != nil {
			t.Error("it is kept")
		}
		p.hangsUp()
	})
}

func TestWeReplaceACall(t *testing.T) {
	const place = "theirs@phone;to-tag=a;from-tag=b"
	replacing := func(t *Target) { t.Replaces = place }
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p, replacing)
		p.rung().refuses(420, "Unsupported: timer, 100rel")
		c := p.rung()
		for name, want := range map[string]string{"Replaces": place, "Require": "replaces", "Supported": "replaces, norefersub"} {
			wantHeader(t, c.invite, name, want)
		}
		c.picksUp(a)
		c.hangsUp()

		// Who does not know that gets no other call instead.
		a = w.dials(p, replacing)
		p.rung().refuses(420, "Unsupported: replaces")
		failed(t, a, Refused, 420)

		a = w.dials(p) // of its own accord it does not mention it
		c = p.rung()
		if c.invite.GetHeader("Replaces") != nil || c.invite.GetHeader("Require") != nil {
			t.Errorf("it replaces something:\n%s", c.invite)
		}
		c.refuses(420, "Unsupported: replaces")
		again := p.rung()
		wantHeader(t, again.invite, "Supported", "timer, 100rel, norefersub")
		again.picksUp(a)
		again.hangsUp()

		for _, bad := range []string{"x", "x;to-tag=a", "x;to-tag=a;from-tag=b\r\nX-Y: z", "x;to-tag=a;from-tag=b, y;to-tag=c;from-tag=d"} {
			if _, err := w.ua.Invite(context.Background(), Target{URI: "sip:200@" + p.addr, Replaces: bad}); err == nil {
				t.Errorf("%q was sent", bad)
			}
		}
	})
}

func FuzzReplaces(f *testing.F) {
	for _, seed := range []string{
		"98asjd8@test.com;from-tag=1;to-tag=2", "12adf2f34456gs5;to-tag=12345;from-tag=54321;early-only",
		"a@b;to-tag=1;from-tag=0", "a\"b;to-tag=1;from-tag=2", ";;;", "a;to-tag=\"x;y\";from-tag=z", "a;to-tag=1;to-tag=2;from-tag=3",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		r, err := parseReplaces(value)
		if err != nil {
			return
		}
		if r.CallID == "" || r.ToTag == "" || r.FromTag == "" || !plain(value) {
			t.Errorf("%q is read as %+v", value, r)
		}
		written := fmt.Sprintf("%s;to-tag=%s;from-tag=%s", r.CallID, r.ToTag, r.FromTag)
		if r.EarlyOnly {
			written += ";early-only"
		}
		if again, err := parseReplaces(written); again != r || err != nil && len(value) < mostReplaces/2 {
			t.Errorf("%q is read as %+v, and written again as %+v (%v)", value, r, again, err)
		}
		// What we accept can be sent on.
		target := Target{URI: "sip:a@b", Replaces: value}
		if err := target.check(); err != nil {
			t.Error(err)
		}
		req := sipgo.NewRequest(sipgo.INVITE, sipgo.Uri{Scheme: "sip", Host: "b"})
		(&outgoing{Target: target}).replacing(req)
		if lines := strings.Count(req.String(), "\r\n"); lines != 4 {
			t.Errorf("%q makes %d lines:\n%s", value, lines, req)
		}
	})
}
