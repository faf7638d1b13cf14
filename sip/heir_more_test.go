package sip

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestDuplicatesAfterTheHandover: what was answered before the hand-over, and
// comes again.
func TestDuplicatesAfterTheHandover(t *testing.T) {
	inHandover(t, func(w *world) {
		p, gone := w.phone(), w.phone()
		p.calls()
		gone.calls()
		gone.cseq++
		bye := gone.text("BYE", gone.newBranch(), "")
		gone.raw(bye)
		gone.wants(200)
		time.Sleep(100 * time.Millisecond)
		w.handsOver()
		call := w.taken()
		tag := p.toTag
		p.toTag = ""
		p.request("INVITE", p.branch, pcmaSDP)
		p.wantsNothing(time.Second) // its answer was acknowledged: this one is old
		p.toTag = tag
		gone.raw(bye)
		gone.wants(200)
		gone.cseq++
		gone.request("BYE", gone.newBranch(), "")
		gone.wants(481)
		gone.toTag = ""
		gone.cseq = gone.inviteCSeq
		gone.request("INVITE", gone.branch, pcmaSDP)
		gone.wantsNothing(time.Second)
		p.hangsUp()
		wantEnded(t, call, true, "hung up")
	})
}

// TestAnswersAreRepeatedAfterTheHandover: our answer was lost just before the
// hand-over, or before two of them, and the request comes again.
func TestAnswersAreRepeatedAfterTheHandover(t *testing.T) {
	inHandover(t, func(w *world) {
		p := w.phone()
		call := p.calls()
		relay := []string{"Content-Type: application/dtmf-relay"}
		p.cseq++
		key := p.text("INFO", p.newBranch(), "Signal=5\r\nDuration=160\r\n", relay...)
		p.raw(key)
		first := p.wants(200).String()
		p.cseq++
		hold := p.text("INVITE", p.newBranch(), pcmaSDP)
		p.raw(hold)
		p.wants(200)
		for range 2 {
			w.handsOver()
			w.taken()
			p.raw(key)
			if again := p.wants(200).String(); again != first {
				t.Errorf("repeated as\n%s\nit was\n%s", again, first)
			}
		}
		p.raw(hold)
		p.wants(200)
		_ = call
	})
}

// TestBYEToADeadPhoneIsSentOn: it is the same BYE, so that a phone that has got it answers as before.
func TestBYEToADeadPhoneIsSentOn(t *testing.T) {
	inHandover(t, func(w *world) {
		p := w.phone()
		call := p.calls()
		began := time.Now()
		call.Hangup("enough")
		bye := p.wantsRequest("BYE", time.Second, 0).String()
		w.handsOver()
		if took := time.Since(began); took > time.Second {
			t.Errorf("the pause took %v", took)
		}
		if n := w.ua.Calls(); n != 1 {
			t.Errorf("%d calls, want the one that is leaving", n)
		}
		again := p.wantsRequest("BYE", time.Second, 200)
		if again.String() != bye {
			t.Errorf("sent as\n%s\nit was\n%s", again, bye)
		}
		select {
		case <-w.continued(p.callID).Gone():
		case <-time.After(time.Second):
			t.Error("the call is not gone")
		}
		if e := w.continued(p.callID).Ended(); e.Reason != "enough" || e.ByPeer {
			t.Errorf("ended %+v", e)
		}
	})
}

// TestWhatTheProgramWantsIsKept: it hangs up while the user agent is paused.
func TestWhatTheProgramWantsIsKept(t *testing.T) {
	inHandover(t, func(w *world) {
		p := w.phone()
		call := p.calls()
		w.pauses()
		call.Hangup("kicked")
		p.wantsNothing(time.Second)
		w.succeeds()
		bye := p.wantsRequest("BYE", time.Second, 200)
		if reason := header(t, bye, "Reason"); !strings.Contains(reason, "kicked") {
			t.Errorf("Reason: %s", reason)
		}
	})
}

// TestResumeLosesNothing: a pause that leads to nothing.
func TestResumeLosesNothing(t *testing.T) {
	inHandover(t, func(w *world) {
		p, q := w.phone(), w.phone()
		call := p.calls()
		other := q.calls()
		w.pauses()
		w.ua.Save()
		p.sends("INFO", "Signal=1\r\nDuration=160\r\n", "Content-Type: application/dtmf-relay")
		late := w.phone()
		late.invites(pcmaSDP)
		other.Hangup("enough")
		p.wantsNothing(400 * time.Millisecond)
		q.wantsNothing(now)
		w.ua.Resume()
		p.wants(200)
		late.wants(200)
		late.acks("")
		w.taken()
		q.wantsRequest("BYE", time.Second, 200)
		late.hangsUp()
		p.hangsUp()
		wantEnded(t, call, true, "hung up")
	})
}

// TestCallEndsInThePause: a BYE comes when nothing is read any more.
func TestCallEndsInThePause(t *testing.T) {
	inHandover(t, func(w *world) {
		p := w.phone()
		p.calls()
		w.pauses()
		p.sends("BYE", "")
		p.wantsNothing(100 * time.Millisecond)
		w.succeeds()
		p.wants(200)
		wantEnded(t, w.continued(p.callID), true, "hung up")
	})
}

// TestPauseSaysWhatItWaitsFor: the program has not decided on a REFER.
func TestPauseSaysWhatItWaitsFor(t *testing.T) {
	inAgency(t, func(w *world, referred chan *Referral) {
		p := w.phone()
		r := p.refers("<sip:200@127.0.0.1>", referred)
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		err := w.ua.Pause(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "1 REFER is being decided on") {
			t.Errorf("the pause says %v", err)
		}
		q := w.phone()
		q.calls() // all goes on
		q.hangsUp()
		r.Refuse(603, "Declined")
		p.wants(603)
		w.pauses()
		w.ua.Resume()
	})
}

// TestListenerIsMissing: the configuration of the new process lacks one that calls are on.
func TestListenerIsMissing(t *testing.T) {
	inHandover(t, func(w *world) {
		p := w.phone()
		p.calls()
		w.pauses()
		config := w.config
		config.Listeners = []Listener{{Name: "udp://127.0.0.1:5062", Packet: w.end()}}
		config.Saved, config.Legs = carried(t, w.ua.Save()), w.legs()
		if _, err := New(config, w.handler); err == nil || !strings.Contains(err.Error(), "udp://127.0.0.1:5060") {
			t.Errorf("New says %v", err)
		}
		w.ua.Resume()
		p.hangsUp()
	})
}

// TestSubscriptionGoesOn: with its version, in its dialog.
func TestSubscriptionGoesOn(t *testing.T) {
	t.Run("in a dialog of its own", func(t *testing.T) {
		inNewsroom(t, func(w *world, n *notices) {
			p := w.phone()
			p.subscribes("conference", "600")
			p.wantsNOTIFY(now, "active;expires=600", "one version 1 of "+focusURI, 200)
			time.Sleep(100 * time.Second)
			w.handsOver()
			p.wantsNothing(time.Second)
			n.changes("two")
			req := p.wantsNOTIFY(now, "active;expires=499", "two version 2 of "+focusURI, 200)
			if req.CSeq().SeqNo != 2 {
				t.Errorf("CSeq %d", req.CSeq().SeqNo)
			}
			p.subscribes("conference", "600")
			p.wantsNOTIFY(now, "active;expires=600", "two version 3 of "+focusURI, 200)
			w.handsOver()
			p.wantsNOTIFY(601*time.Second, "terminated;reason=timeout", "two version 4 of "+focusURI, 200)
		})
	})
	t.Run("in that of a call", func(t *testing.T) {
		inNewsroom(t, func(w *world, n *notices) {
			p := w.phone()
			p.calls()
			p.subscribes("conference", "600")
			p.wantsNOTIFY(now, "active;expires=600", "one version 1 of "+focusURI, 200)
			w.handsOver()
			w.taken()
			n.changes("two")
			req := p.wantsNOTIFY(notifyPause+time.Millisecond, "active;expires=599", "two version 2 of "+focusURI, 200)
			if req.CSeq().SeqNo != 2 {
				t.Errorf("CSeq %d", req.CSeq().SeqNo)
			}
			p.hangsUp()
			synctest.Wait()
			w.handsOver() // the call has ended: its dialog is the subscription's
			p.subscribes("conference", "0")
			p.wantsNOTIFY(now, "terminated;reason=timeout", "two version 3 of "+focusURI, 200)
		})
	})
	t.Run("while a NOTIFY is under way", func(t *testing.T) {
		inNewsroom(t, func(w *world, n *notices) {
			p := w.phone()
			p.subscribes("conference", "600")
			p.wantsNOTIFY(now, "active;expires=600", "one version 1 of "+focusURI, 0)
			w.handsOver()
			p.wantsNOTIFY(now, "active;expires=600", "one version 2 of "+focusURI, 200)
			p.subscribes("conference", "0")
			p.wantsNOTIFY(now, "terminated;reason=timeout", "one version 3 of "+focusURI, 200)
		})
	})
}

// TestReferralGoesOn: what has become of a REFER is said by whoever took over.
func TestReferralGoesOn(t *testing.T) {
	inAgency(t, func(w *world, referred chan *Referral) {
		p := w.phone()
		r := p.refers("<sip:200@127.0.0.1>", referred)
		p.accepted(r)
		w.handsOver()
		all := w.ua.RestoredReferrals()
		if len(all) != 1 || all[0].To.Number != "200" || all[0].ID() != p.callID {
			t.Fatalf("restored %+v", all)
		}
		w.handsOver() // before anybody has taken it over
		if all = w.ua.RestoredReferrals(); len(all) != 1 || all[0].Final() != 0 {
			t.Fatalf("restored %+v", all)
		}
		all[0].SeeThrough(func() { all[0].Finish(200, "OK") })
		p.wantsReport("terminated;reason=noresource", "200 OK", 1)
		wantTold(t, all[0], true)
		w.handsOver()
		if all := w.ua.RestoredReferrals(); len(all) != 0 {
			t.Errorf("restored %+v, which has ended", all)
		}
	})
}

// TestReferralIsToldOn: what has become of a REFER was said, and who waits for it to be known goes on with that.
func TestReferralIsToldOn(t *testing.T) {
	inAgency(t, func(w *world, referred chan *Referral) {
		p := w.phone()
		r := p.refers("<sip:200@127.0.0.1>", referred)
		p.accepted(r)
		r.Finish(200, "OK")
		p.wantsNOTIFY(now, "terminated;reason=noresource", "SIP/2.0 200 OK\r\n", 0)
		w.handsOver()
		all := w.ua.RestoredReferrals()
		if len(all) != 1 || all[0].Final() != 200 {
			t.Fatalf("restored %+v", all)
		}
		wantTold(t, all[0], false)
		p.wantsReport("terminated;reason=noresource", "200 OK", 1)
		wantTold(t, all[0], true)
		w.handsOver()
		if all = w.ua.RestoredReferrals(); len(all) != 1 || all[0].Final() != 200 {
			t.Fatalf("restored %+v", all)
		}
		all[0].SeeThrough(func() { wantTold(t, all[0], true) })
		w.handsOver()
		if all := w.ua.RestoredReferrals(); len(all) != 0 {
			t.Errorf("restored %+v, which is over", all)
		}
	})
}

// TestAttemptGoesOn: we are calling somebody.
func TestAttemptGoesOn(t *testing.T) {
	t.Run("and he answers", func(t *testing.T) {
		inHandover(t, func(w *world) {
			_, a, c := w.ringsAtAPhone()
			id := a.ID()
			w.handsOver()
			if n := len(w.ua.Restored()); n != 0 {
				t.Errorf("%d calls are said to be answered", n)
			}
			all := w.ua.RestoredAttempts()
			if len(all) != 1 || all[0].ID() != id || !all[0].Progress().Ringing() {
				t.Fatalf("restored %v", all)
			}
			call := c.picksUp(all[0])
			if remote, _, _ := agreedOf(call); remote != "127.0.0.1:40000" {
				t.Errorf("media goes to %s", remote)
			}
			c.says(200, pcmaSDP) // the ACK was lost
			c.wantsACK()
			w.handsOver()
			c.says(200, pcmaSDP)
			c.wantsACK()
			w.continued(id).Hangup("enough")
			c.wantsRequest("BYE", time.Second, 200)
		})
	})
	t.Run("and the INVITE is sent again", func(t *testing.T) {
		inHandover(t, func(w *world) {
			p := w.phone()
			w.dials(p)
			invite := p.wantsRequest("INVITE", time.Second, 0)
			w.handsOver()
			if again := p.wantsRequest("INVITE", time.Second, 0); again.String() != invite.String() {
				t.Errorf("sent as\n%s\nit was\n%s", again, invite)
			}
			a := w.ua.RestoredAttempts()[0]
			p.callee(invite, "late").refuses(486)
			failed(t, a, Refused, 486)
		})
	})
	t.Run("and is cancelled", func(t *testing.T) {
		inHandover(t, func(w *world) {
			_, _, c := w.ringsAtAPhone()
			w.handsOver()
			a := w.ua.RestoredAttempts()[0]
			a.Cancel("")
			c.wantsCANCEL(time.Second)
			w.handsOver()
			c.refuses(487)
			if n := len(w.ua.RestoredAttempts()); n != 0 {
				t.Errorf("%d attempts are left", n)
			}
		})
	})
	t.Run("and a 200 has crossed its CANCEL", func(t *testing.T) {
		inHandover(t, func(w *world) {
			_, a, c := w.ringsAtAPhone()
			a.Cancel("")
			c.wantsCANCEL(time.Second)
			w.handsOver()
			c.says(200, pcmaSDP)
			c.wantsACK()
			c.wantsRequest("BYE", time.Second, 200)
		})
	})
	t.Run("and hears an announcement", func(t *testing.T) {
		inHandover(t, func(w *world) {
			p := w.phone()
			a := w.dials(p)
			c := p.rung()
			c.ringsReliably(183, 7, pcmaSDP)
			c.wantsPRACK(7, 200)
			moved(t, a, 183, true)
			w.handsOver()
			a = w.ua.RestoredAttempts()[0]
			if !a.Progress().Early {
				t.Error("nothing is heard any more")
			}
			c.ringsReliably(183, 8, "")
			c.wantsPRACK(8, 200)
			call := c.picksUp(a)
			call.Hangup("")
			if bye := c.wantsRequest("BYE", time.Second, 200); bye.CSeq().SeqNo != 4 {
				t.Errorf("BYE has number %d, want 4: INVITE, PRACK, PRACK", bye.CSeq().SeqNo)
			}
		})
	})
	t.Run("and nobody answers", func(t *testing.T) {
		inHandover(t, func(w *world) {
			began := time.Now()
			_, _, c := w.ringsAtAPhone()
			time.Sleep(10 * time.Second)
			w.handsOver()
			a := w.ua.RestoredAttempts()[0]
			c.wantsCANCEL(time.Minute)
			if after := time.Since(began); after != ringTime {
				t.Errorf("given up after %v", after)
			}
			failed(t, a, NoAnswer, 408)
			c.refuses(487)
		})
	})
}

// TestProbeGoesOn: a watched call that is just being asked.
func TestProbeGoesOn(t *testing.T) {
	inHandover(t, func(w *world) {
		p := w.phone()
		a := w.dials(p, watching)
		c := p.rung()
		c.picksUp(a)
		began := time.Now()
		c.wantsRequest("OPTIONS", watchTime, 0)
		w.handsOver()
		call := w.continued(a.ID())
		for {
			m := c.gets(watchTime)
			if m == nil {
				t.Fatal("no BYE")
			}
			if strings.HasPrefix(m.text, "BYE") {
				break
			}
		}
		if after := time.Since(began); after != watchTime {
			t.Errorf("given up after %v, want %v", after, watchTime)
		}
		synctest.Wait()
		wantEnded(t, call, false, "no RTP")
	})
}
