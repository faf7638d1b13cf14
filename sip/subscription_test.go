package sip

import (
	"context"
	"fmt"
	"testing"
	"time"
)

func TestSubscription(t *testing.T) {
	inNewsroom(t, func(w *world, n *notices) {
		p := w.phone()
		p.subscribes("conference", "3600")
		notify := p.wantsNOTIFY(now, "active;expires=3600", "one version 1 of "+focusURI, 200)
		wantHeader(t, notify, "Event", "conference")
		wantHeader(t, notify, "Content-Type", "application/conference-info+xml")
		wantHeader(t, notify, "Contact", "<sip:5234@127.0.0.1:5060>;isfocus")
		wantHeader(t, notify, "User-Agent", "sipconf/test")
		if got := notify.Recipient.String(); got != p.contact {
			t.Errorf("sent to %s, want %s", got, p.contact)
		}
		p.wantsNothing(10 * time.Second)
		if w.ua.Subscriptions()["conference"] != 1 {
			t.Errorf("counted %v", w.ua.Subscriptions())
		}

		// What changes after a while is told at once, what changes then a second later, in one NOTIFY.
		n.changes("two")
		p.wantsNOTIFY(now, "active;expires=3590", "two version 2 of "+focusURI, 200)
		for i := range 20 {
			n.changes(fmt.Sprint("change ", i))
			time.Sleep(10 * time.Millisecond)
		}
		p.wantsNothing(799 * time.Millisecond)
		p.wantsNOTIFY(2*time.Millisecond, "active;expires=3589", "change 19 version 3 of "+focusURI, 200)

		// It goes on when he asks for that, and he is told at once.
		p.subscribes("conference", "1800")
		p.wantsNOTIFY(now, "active;expires=1800", "change 19 version 4 of "+focusURI, 200)

		// He has had enough.
		p.subscribes("conference", "0")
		p.wantsNOTIFY(now, "terminated;reason=timeout", "change 19 version 5 of "+focusURI, 200)
		n.changes("three")
		p.wantsNothing(time.Minute)
		p.sends("SUBSCRIBE", "", "Event: conference")
		p.wants(481)
	})
}

// TestFetch: whoever wants to know it once says so.
func TestFetch(t *testing.T) {
	inNewsroom(t, func(w *world, n *notices) {
		p := w.phone()
		p.subscribes("dialog;id=7", "0")
		notify := p.wantsNOTIFY(now, "terminated;reason=timeout", "one version 1 of "+focusURI, 200)
		wantHeader(t, notify, "Event", "dialog;id=7")
		p.wantsNothing(time.Minute)
	})
}

func TestSubscriberIsExpelled(t *testing.T) {
	inNewsroom(t, func(w *world, n *notices) {
		p, other := w.phone(), w.phone()
		for _, p := range []*phone{p, other} {
			p.subscribes("conference", "3600")
			p.wantsNOTIFY(now, "active;expires=3600", "one version 1 of "+focusURI, 200)
		}
		w.ua.Expelled("conference", "room 5234", p.callID)
		p.wantsNOTIFY(now, "terminated;reason=rejected", "", 200)
		other.wantsNothing(time.Minute)
		other.sends("SUBSCRIBE", "", "Event: conference", "Expires: 0")
		other.wants(200)
		other.wantsNOTIFY(now, "terminated;reason=timeout", "one version 2 of "+focusURI, 200)
	})
}

func TestSubscriptionsThatAreRefused(t *testing.T) {
	for _, test := range []struct {
		name          string
		headers       []string
		change        func(*phone)
		want          int
		header, value string
	}{
		{name: "an event that nobody knows", headers: []string{"Event: presence"}, want: 489, header: "Allow-Events", value: "conference, dialog, refer"},
		{name: "no event", want: 489, header: "Allow-Events", value: "conference, dialog, refer"},
		{name: "two events", headers: []string{"Event: conference", "o: dialog"}, want: 489},
		{name: "an event that is none", headers: []string{"Event: ;id=1"}, want: 489},
		{name: "what only a REFER subscribes to", headers: []string{"Event: refer;id=1"}, want: 403},
		{name: "too brief", headers: []string{"Event: conference", "Expires: 59"}, want: 423, header: "Min-Expires", value: "60"},
		{name: "a time that is none", headers: []string{"Event: conference", "Expires: soon"}, want: 400},
		{name: "another document", headers: []string{"Event: conference", "Accept: application/pidf+xml, text/*"}, want: 406, header: "Accept", value: "application/conference-info+xml"},
		{name: "a room that is not there", headers: []string{"Event: conference"}, change: func(p *phone) { p.target = "sip:777@" + server }, want: 404},
		{name: "nowhere to tell it", headers: []string{"Event: conference"}, change: func(p *phone) { p.contact = "" }, want: 400},
		{name: "a dialog that nobody knows", headers: []string{"Event: conference"}, change: func(p *phone) { p.toTag = "stranger" }, want: 481},
	} {
		t.Run(test.name, func(t *testing.T) {
			inNewsroom(t, func(w *world, n *notices) {
				p := w.phone()
				if test.change != nil {
					test.change(p)
				}
				p.sends("SUBSCRIBE", "", test.headers...)
				res := p.wants(test.want)
				if test.header != "" {
					wantHeader(t, res, test.header, test.value)
				}
				p.wantsNothing(time.Minute)
				if n.asked != 0 {
					t.Errorf("%d documents were made", n.asked)
				}
			})
		})
	}
}

// TestAcceptedDocuments: what Accept lets us send.
func TestAcceptedDocuments(t *testing.T) {
	inNewsroom(t, func(w *world, n *notices) {
		for _, accept := range []string{
			"Accept: application/conference-info+xml", "Accept: application/pidf+xml, Application/Conference-Info+XML;q=0.5", "Accept: text/plain\r\nAccept: application/*", "Accept: */*",
		} {
			p := w.phone()
			p.subscribes("conference", "0", accept)
			p.wantsNOTIFY(now, "terminated;reason=timeout", "one version 1 of "+focusURI, 200)
		}
	})
}

// TestSubscriptionExpires: nobody has refreshed it.
func TestSubscriptionExpires(t *testing.T) {
	inNewsroom(t, func(w *world, n *notices) {
		p := w.phone()
		p.sends("SUBSCRIBE", "", "Event: conference", "Expires: 90000")
		wantHeader(t, p.wants(200), "Expires", "3600")
		m := p.wantsRequest("NOTIFY", now, 200)
		p.toTag, _ = m.From().Params.Get("tag")
		p.subscribes("conference", "60")
		p.wantsNOTIFY(now, "active;expires=60", "one version 2 of "+focusURI, 200)
		p.wantsNothing(60*time.Second - time.Millisecond)
		p.wantsNOTIFY(2*time.Millisecond, "terminated;reason=timeout", "one version 3 of "+focusURI, 200)
		p.wantsNothing(time.Minute)
	})
}

// TestWhatIsToldOfIsGone: the room has ended. So it is when that is found out only while the document is made.
func TestWhatIsToldOfIsGone(t *testing.T) {
	inNewsroom(t, func(w *world, n *notices) {
		for _, told := range []bool{true, false} {
			n.texts["room 5234"] = "one"
			p, q := w.phone(), w.phone()
			p.subscribes("conference", "3600")
			p.wantsNOTIFY(now, "active;expires=3600", "one version 1 of "+focusURI, 200)
			q.subscribes("dialog", "3600")
			q.wantsNOTIFY(now, "active;expires=3600", "one version 1 of "+focusURI, 200)
			delete(n.texts, "room 5234")
			if told {
				w.ua.Gone("conference", "room 5234")
			} else {
				time.Sleep(time.Second)
				w.ua.Changed("conference", "room 5234")
			}
			notify := p.wantsRequest("NOTIFY", now, 200)
			wantHeader(t, notify, "Subscription-State", "terminated;reason=noresource")
			n.texts["room 5234"] = "one"
			q.wantsNothing(10 * time.Second)
			q.subscribes("dialog", "0")
			q.wantsRequest("NOTIFY", now, 200)
		}
	})
}

// TestSubscriberWhoAnswersLate gets one NOTIFY after the other, and the last state.
func TestSubscriberWhoAnswersLate(t *testing.T) {
	inNewsroom(t, func(w *world, n *notices) {
		p := w.phone()
		p.subscribes("conference", "3600")
		first := p.wantsNOTIFY(now, "active;expires=3600", "one version 1 of "+focusURI, 0)
		for i := range 5 {
			time.Sleep(50 * time.Millisecond)
			n.changes(fmt.Sprint("change ", i))
		}
		if m := p.gets(time.Second); m == nil || m.CSeq().SeqNo != first.CSeq().SeqNo {
			t.Fatalf("want the first NOTIFY again, got %v", m)
		}
		p.answers(first, 200, "")
		second := p.wantsNOTIFY(time.Second, "active;expires=3599", "change 4 version 2 of "+focusURI, 200)
		if second.CSeq().SeqNo != first.CSeq().SeqNo+1 {
			t.Errorf("CSeq %d after %d", second.CSeq().SeqNo, first.CSeq().SeqNo)
		}
		p.wantsNothing(time.Minute)

		// And when he ends it meanwhile, the last one goes behind the one before.
		n.changes("five")
		third := p.wantsNOTIFY(now, "active;expires=3539", "five version 3 of "+focusURI, 0)
		w.ua.Gone("conference", "room 5234")
		if m := p.gets(time.Second); m == nil || m.CSeq().SeqNo != third.CSeq().SeqNo {
			t.Fatalf("want the third NOTIFY again, got %v", m)
		}
		p.answers(third, 200, "")
		p.wantsNOTIFY(now, "terminated;reason=noresource", "five version 4 of "+focusURI, 200)
		p.wantsNothing(time.Minute)
	})
}

// TestAnswersToANOTIFY: what ends the subscription, and what does not.
func TestAnswersToANOTIFY(t *testing.T) {
	for _, test := range []struct {
		status  int
		headers []string
		after   time.Duration // when it is told again; 0: never
	}{
		{481, nil, 0}, {404, nil, 0}, {489, nil, 0}, {405, nil, 0}, {603, nil, 0}, {501, nil, 0}, {401, []string{`WWW-Authenticate: Digest realm="phone", nonce="1"`}, 0},
		{500, nil, 10 * time.Second}, {491, nil, 10 * time.Second}, {503, []string{"Retry-After: 40"}, 40 * time.Second}, {480, []string{"Retry-After: 5"}, 10 * time.Second},
	} {
		t.Run(fmt.Sprint(test.status), func(t *testing.T) {
			inNewsroom(t, func(w *world, n *notices) {
				p := w.phone()
				p.subscribes("conference", "3600")
				p.wantsNOTIFY(now, "active;expires=3600", "one version 1 of "+focusURI, test.status, test.headers...)
				if test.after == 0 {
					n.changes("two")
					p.wantsNothing(time.Minute)
					p.sends("SUBSCRIBE", "", "Event: conference", "Expires: 0")
					p.wants(481)
					return
				}
				p.wantsNothing(test.after - time.Millisecond)
				p.wantsRequest("NOTIFY", 2*time.Millisecond, 200)
				p.wantsNothing(time.Minute)
				p.subscribes("conference", "0")
				p.wantsRequest("NOTIFY", now, 200)
			})
		})
	}
}

// TestSubscriberWhoIsNotThere is forgotten after the time of a transaction.
func TestSubscriberWhoIsNotThere(t *testing.T) {
	inNewsroom(t, func(w *world, n *notices) {
		p := w.phone()
		p.subscribes("conference", "3600")
		w.wire.listen(p.addr, nil)
		time.Sleep(31 * time.Second)
		if n := w.ua.Subscriptions()["conference"]; n != 1 {
			t.Errorf("%d subscriptions after 31 s", n)
		}
		time.Sleep(2 * time.Second)
		w.wantNoSubscriptions()
	})
}

// TestSubscriberWhoHasMoved is told at his new address.
func TestSubscriberWhoHasMoved(t *testing.T) {
	inNewsroom(t, func(w *world, n *notices) {
		p, other := w.phone(), w.phone()
		p.subscribes("conference", "3600")
		p.wantsRequest("NOTIFY", now, 200)
		p.contact = other.contact
		p.subscribes("conference", "3600")
		if m := other.wantsRequest("NOTIFY", now, 200); m.Recipient.String() != other.contact {
			t.Errorf("sent to %s", m.Recipient.String())
		}
		w.ua.Gone("conference", "room 5234")
		other.wantsRequest("NOTIFY", now, 200)
	})
}

// TestRequestsInADialogOfASubscription: its numbers rise, and it is of use for nothing else.
func TestRequestsInADialogOfASubscription(t *testing.T) {
	inNewsroom(t, func(w *world, n *notices) {
		p := w.phone()
		p.cseq = 10
		p.subscribes("conference", "3600")
		p.wantsRequest("NOTIFY", now, 200)
		p.cseq = 5
		p.sends("SUBSCRIBE", "", "Event: conference", "Expires: 0")
		p.wants(500)
		p.cseq = 11
		p.sends("SUBSCRIBE", "", "Event: dialog")
		p.wants(481)
		p.sends("SUBSCRIBE", "", "Event: conference;id=2")
		p.wants(481)
		p.sends("SUBSCRIBE", "")
		p.wants(489)
		p.refused(481, pcmaSDP) // there is no call
		for _, method := range []string{"UPDATE", "INFO", "BYE", "NOTIFY", "REFER"} {
			p.sends(method, "")
			p.wants(481)
		}
		p.sends("OPTIONS", "")
		wantHeader(t, p.wants(200), "Allow", allowedMethods)
		for _, method := range []string{"PRACK", "MESSAGE"} {
			p.sends(method, "")
			wantHeader(t, p.wants(405), "Allow", allowedMethods)
		}
		p.sends("DANCE", "")
		wantHeader(t, p.wants(501), "Allow", allowedMethods)
		p.sends("SUBSCRIBE", "", "Event: conference", "Expires: 20")
		p.wants(423)
		p.wantsNothing(time.Minute)
		p.subscribes("conference", "0")
		p.wantsRequest("NOTIFY", now, 200)
	})
}

// TestNOTIFYsOfOthers: we have asked nobody to tell us anything.
func TestNOTIFYsOfOthers(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		p.sends("NOTIFY", "", "Event: message-summary", "Subscription-State: active")
		p.wants(481)
		p.calls()
		p.sends("NOTIFY", "", "Event: talk", "Subscription-State: active")
		p.wants(489)
		p.hangsUp()
	})
}

// TestSubscriptionInACall shares its dialog. What becomes of it is no affair of the call's.
func TestSubscriptionInACall(t *testing.T) {
	inNewsroom(t, func(w *world, n *notices) {
		p := w.phone()
		call := p.calls()
		p.subscribes("conference", "3600")
		first := p.wantsNOTIFY(now, "active;expires=3600", "one version 1 of "+focusURI, 200)
		p.subscribes("dialog", "3600")
		second := p.wantsNOTIFY(now, "active;expires=3600", "one version 1 of "+focusURI, 200)
		if a, b := first.CSeq().SeqNo, second.CSeq().SeqNo; b != a+1 {
			t.Errorf("CSeq %d and %d", a, b)
		}
		time.Sleep(time.Second)
		n.changes("two")
		p.wantsNOTIFY(now, "active;expires=3599", "two version 2 of "+focusURI, 481)
		p.wantsNothing(5 * time.Second)
		select {
		case <-call.Done():
			t.Error("the call has ended")
		default:
		}
		if got := w.ua.Subscriptions(); got["conference"] != 0 || got["dialog"] != 1 {
			t.Errorf("subscriptions %v", got)
		}
		p.subscribes("conference", "3600")
		p.wantsNOTIFY(now, "active;expires=3600", "two version 1 of "+focusURI, 200)
		time.Sleep(time.Second)

		// It does not end with the call (RFC 5057 section 4.2), and goes on in its dialog.
		p.hangsUp()
		time.Sleep(time.Second)
		if w.ua.Calls() != 0 {
			t.Error("the call is left")
		}
		p.refused(481, pcmaSDP)
		for _, method := range []string{"UPDATE", "INFO", "BYE", "REFER"} {
			p.sends(method, "")
			p.wants(481)
		}
		p.sends("OPTIONS", "")
		p.wants(200)
		n.changes("three")
		p.wantsNOTIFY(now, "active;expires=3598", "three version 2 of "+focusURI, 200)
		p.subscribes("dialog", "0")
		p.wantsNOTIFY(now, "terminated;reason=timeout", "three version 2 of "+focusURI, 200)
		w.ua.Gone("conference", "room 5234")
		last := p.wantsNOTIFY(time.Second, "terminated;reason=noresource", "three version 3 of "+focusURI, 200)
		if last.CSeq().SeqNo <= second.CSeq().SeqNo+3 {
			t.Errorf("CSeq %d", last.CSeq().SeqNo)
		}
	})
}

// TestSubscriptionBeforeTheAnswer: an early dialog may end at any moment.
func TestSubscriptionBeforeTheAnswer(t *testing.T) {
	inNewsroom(t, func(w *world, n *notices) {
		p := w.phone()
		a := w.dials(p)
		c := p.rung()
		c.says(180, "")
		moved(t, a, 180, false)
		c.sends("SUBSCRIBE", "", "Event: conference")
		c.wants(403)
		c.picksUp(a)
		c.subscribes("conference", "0")
		c.wantsRequest("NOTIFY", time.Second, 200)
		a.Call().Hangup("")
		c.wantsRequest("BYE", time.Second, 200)
	})
}

// TestCallThatEndsWhileItsSubscriberIsTold: the NOTIFY that was under way has its answer, or none.
func TestCallThatEndsWhileItsSubscriberIsTold(t *testing.T) {
	for _, answered := range []bool{true, false} {
		inNewsroom(t, func(w *world, n *notices) {
			p := w.phone()
			p.calls()
			p.subscribes("conference", "3600")
			notify := p.wantsRequest("NOTIFY", now, 0)
			n.changes("two")
			p.hangsUp()
			if answered {
				p.answers(notify, 200, "")
				p.wantsNOTIFY(2*time.Second, "active;expires=3599", "two version 2 of "+focusURI, 200)
				p.subscribes("conference", "0")
				p.wantsRequest("NOTIFY", time.Second, 200)
				return
			}
			time.Sleep(time.Minute)
			if w.ua.Calls() != 0 {
				t.Error("the call is left")
			}
		})
	}
}

// TestDocumentThatTakesLong keeps nobody but its own subscriber waiting.
func TestDocumentThatTakesLong(t *testing.T) {
	inNewsroom(t, func(w *world, n *notices) {
		p := w.phone()
		p.calls()
		n.slow = true
		p.subscribes("conference", "0")
		p.sends("INFO", "")
		p.wants(200)
		p.hangsUp()
		p.wantsRequest("NOTIFY", 4*time.Second, 200)
	})
}

// TestPanicInADocumentCostsOneSubscription.
func TestPanicInADocumentCostsOneSubscription(t *testing.T) {
	inNewsroom(t, func(w *world, n *notices) {
		p := w.phone()
		p.calls()
		n.fails = true
		p.subscribes("conference", "3600")
		p.wantsNothing(time.Minute)
		if panics := w.ua.Counters.Panics.Swap(0); panics != 1 {
			t.Errorf("%d panics", panics)
		}
		n.fails = false
		p.subscribes("conference", "0")
		p.wantsRequest("NOTIFY", now, 200)
		p.hangsUp()
	})
}

// TestTooManySubscriptions, of one address, are refused without the server's being taken for overloaded.
func TestTooManySubscriptions(t *testing.T) {
	inNewsroom(t, func(w *world, n *notices) {
		p := w.phone()
		callID := p.callID
		for i := range mostOfSource {
			p.callID, p.toTag = fmt.Sprint(callID, i), ""
			p.subscribes("conference", "3600")
			p.wantsRequest("NOTIFY", now, 200)
		}
		p.callID, p.toTag = callID, ""
		p.sends("SUBSCRIBE", "", "Event: conference")
		wantHeader(t, p.wants(480), "Retry-After", "60")
		w.phone().calls()
		w.ua.Gone("conference", "room 5234")
		for range mostOfSource {
			p.wantsRequest("NOTIFY", time.Second, 200)
		}
	})
}

// TestCloseTellsSubscribers: those of the rooms that they are gone, and those of the lamps that they shall ask again.
func TestCloseTellsSubscribers(t *testing.T) {
	inNewsroom(t, func(w *world, n *notices) {
		p, q, dead := w.phone(), w.phone(), w.phone()
		for _, p := range []*phone{p, dead} {
			p.subscribes("conference", "3600")
			p.wantsRequest("NOTIFY", now, 200)
		}
		q.subscribes("dialog", "3600")
		q.wantsRequest("NOTIFY", now, 200)
		w.wire.listen(dead.addr, nil)
		begin := time.Now()
		closed := make(chan error)
		go func() { closed <- w.ua.Close(context.Background(), "over") }()
		p.wantsNOTIFY(now, "terminated;reason=noresource", "one version 2 of "+focusURI, 200)
		q.wantsNOTIFY(now, "terminated;reason=probation;retry-after=30", "one version 2 of "+focusURI, 200)
		if err := <-closed; err != nil || time.Since(begin) > lastWord+100*time.Millisecond {
			t.Errorf("closed with %v after %v", err, time.Since(begin))
		}
	})
}

// TestDrainingTakesNoSubscribers.
func TestDrainingTakesNoSubscribers(t *testing.T) {
	inNewsroom(t, func(w *world, n *notices) {
		p, q := w.phone(), w.phone()
		q.calls()
		w.ua.Drain()
		p.sends("SUBSCRIBE", "", "Event: conference")
		wantHeader(t, p.wants(503), "Retry-After", "10")
		q.sends("SUBSCRIBE", "", "Event: conference")
		q.wants(503)
		q.hangsUp()
	})
}
