package sip

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestKeysAreSentByINFO(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p, alice)
		c := p.rung()
		ctx := context.Background()
		if err := a.Call().SendInfo(ctx, '5', time.Second); err == nil || !strings.Contains(err.Error(), "not answered yet") {
			t.Errorf("before the answer: %v", err)
		}
		call := c.picksUp(a)
		results := make(chan error, 8)
		press := func(key byte, length time.Duration) {
			go func() { results <- call.SendInfo(ctx, key, length) }()
			synctest.Wait()
		}
		press('5', 160*time.Millisecond)
		press('*', time.Second)
		press('#', 70*time.Millisecond)

		// One after the other, and the first is challenged.
		info := c.wantsRequest("INFO", time.Second, 0)
		p.wantsNothing(400 * time.Millisecond)
		c.answers(info, 401, "", `WWW-Authenticate: Digest realm="pbx", nonce="n1", qop="auth"`)
		for _, want := range []string{"Signal=5\r\nDuration=160\r\n", "Signal=*\r\nDuration=1000\r\n", "Signal=#\r\nDuration=70\r\n"} {
			info := c.wantsRequest("INFO", time.Second, 0)
			wantHeader(t, info, "Content-Type", "application/dtmf-relay")
			if got := string(info.Body()); got != want {
				t.Errorf("sent %q, want %q", got, want)
			}
			if len(results) > 0 {
				t.Error("it returned before the answer")
			}
			c.answers(info, 200, "")
			if err := <-results; err != nil {
				t.Errorf("%q: %v", want, err)
			}
		}

		press('A', time.Second)
		press('1', time.Second)
		c.wantsRequest("INFO", time.Second, 415)
		if err := <-results; err == nil || !strings.Contains(err.Error(), "refused: 415") {
			t.Errorf("refused: %v", err)
		}
		c.wantsRequest("INFO", time.Second, 200) // and the next one goes all the same
		if err := <-results; err != nil {
			t.Error(err)
		}
		for _, key := range []byte{'E', 'a', 0, ' '} {
			if err := call.SendInfo(ctx, key, time.Second); err == nil {
				t.Errorf("%q was sent", key)
			}
		}
		press('2', time.Second)
		c.wantsRequest("INFO", time.Second, 0)
		c.hangsUp()
		if err := <-results; !errors.Is(err, ErrEnded) {
			t.Errorf("hung up meanwhile: %v", err)
		}
		if err := call.SendInfo(ctx, '5', time.Second); !errors.Is(err, ErrEnded) {
			t.Errorf("afterwards: %v", err)
		}
		for p.gets(time.Millisecond) != nil {
			continue
		}
	})
}

func TestKeyThatIsNotAnswered(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p)
		c := p.rung()
		call := c.picksUp(a)
		begin := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if err := call.SendInfo(ctx, '5', time.Second); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != 2*time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		for p.gets(time.Millisecond) != nil {
			continue
		}
		p.wantsNothing(40 * time.Second) // it is not sent again
		call.Hangup("")
		c.wantsRequest("BYE", time.Second, 200)
		begin = time.Now()
		<-call.Gone()
		if d := time.Since(begin); d > time.Second {
			t.Errorf("gone %v after the BYE was answered", d)
		}
	})
}

// Whether the peer reads such keys it says in the headers for that.
func TestPeerSaysThatItReadsKeysInINFO(t *testing.T) {
	for header, want := range map[string]bool{
		"Allow: INVITE, INFO": false,
		"Accept: application/sdp, Application/DTMF-relay;q=0.5": true,
		"Recv-Info: dtmf":                  true,
		"Recv-Info: x, dtmf":               true,
		"Accept: application/sdp":          false,
		"Accept: application/dtmf-relayed": false,
		"Recv-Info:":                       false,
	} {
		inWorld(t, nil, func(w *world) {
			p := w.phone()
			a := w.dials(p)
			c := p.rung()
			if call := c.picksUp(a, header); call.TakesInfo() != want {
				t.Errorf("%s in the answer: %v", header, !want)
			}
			c.hangsUp()
			p = w.phone()
			if call := p.calls(header); call.TakesInfo() != want {
				t.Errorf("%s in the INVITE: %v", header, !want)
			}
			p.hangsUp()
		})
	}
}

// What a peer's BYE says of why.
func TestHungUpOnPurposeOrByAFault(t *testing.T) {
	for reason, want := range map[string]bool{
		"":                                      true,
		`Q.850;cause=16;text="Normal Clearing"`: true,
		`SIP;cause=200;text="Call completed elsewhere"`: true,
		`q.850 ; cause=16, SIP;cause=200`:               true,
		`Q.850;cause=38;text="Network out of order"`:    false,
		`Q.850;cause=31`:                   false,
		`SIP;cause=503, Q.850;cause=16`:    false,
		`SIP;cause=408;text="x;cause=200"`: false,
		`Preemption;cause=1`:               false,
	} {
		inWorld(t, nil, func(w *world) {
			p := w.phone()
			a := w.dials(p)
			c := p.rung()
			call := c.picksUp(a)
			if call.HungUp() {
				t.Error("it is not over")
			}
			var headers []string
			if reason != "" {
				headers = []string{"Reason: " + reason}
			}
			c.sends("BYE", "", headers...)
			c.wants(200)
			wantEnded(t, call, true, "")
			if call.HungUp() != want {
				t.Errorf("%q: %v", reason, !want)
			}
			<-call.Gone()
		})
	}
	inWorld(t, nil, func(w *world) { // we were faster
		p := w.phone()
		a := w.dials(p)
		c := p.rung()
		call := c.picksUp(a)
		call.Hangup("")
		c.wantsRequest("BYE", time.Second, 0)
		c.sends("BYE", "")
		c.wants(200)
		if call.HungUp() {
			t.Error("it was us")
		}
	})
}
