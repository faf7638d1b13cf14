package sip

import (
	"strings"
	"testing"
	"time"
)

// Stories of calls that the peer is to end itself, for it has been told why.

const ownBye = 500 * time.Millisecond

func TestAReleasedPeerHangsUpItself(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		call := p.calls()
		call.Release("transferred", ownBye)
		p.wantsNothing(ownBye - time.Millisecond)
		p.sends("BYE", "", "Reason: Q.850;cause=16")
		p.wants(200)
		wantEnded(t, call, true, "transferred")
		p.wantsNothing(time.Minute)
	})
}

func TestAReleasedPeerThatDoesNotHangUpIsHungUp(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		call := p.calls()
		call.Release("transferred", ownBye)
		time.Sleep(ownBye / 2)
		call.Release("transferred again", ownBye) // the first one counts
		p.wantsNothing(ownBye/2 - time.Millisecond)
		bye := p.wantsRequest("BYE", 2*time.Millisecond, 200)
		if reason := header(t, bye, "Reason"); !strings.Contains(reason, `"transferred"`) {
			t.Errorf("Reason: %s", reason)
		}
		wantEnded(t, call, false, "transferred")
	})
}

// TestAReleaseIsKept: ordered while the user agent is paused, or before; the next process waits for as long as was left.
func TestAReleaseIsKept(t *testing.T) {
	for _, paused := range []bool{false, true} {
		inHandover(t, func(w *world) {
			p := w.phone()
			call := p.calls()
			if paused {
				w.pauses()
			}
			call.Release("transferred", ownBye)
			if !paused {
				p.wantsNothing(now)
				w.pauses()
			}
			w.succeeds()
			p.wantsNothing(ownBye - 10*time.Millisecond)
			bye := p.wantsRequest("BYE", 20*time.Millisecond, 200)
			if reason := header(t, bye, "Reason"); !strings.Contains(reason, "transferred") {
				t.Errorf("Reason: %s", reason)
			}
		})
	}
}
