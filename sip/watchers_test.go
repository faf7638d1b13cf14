package sip

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// TestWatchersOfAllKinds: whatever subscribers and rooms do, and in whatever order, of one subscription one NOTIFY is
// under way, there is a second at least between two that nobody has asked for, versions and numbers rise by one, and
// nothing is left.
func TestWatchersOfAllKinds(t *testing.T) { watchersOfAllKinds(t, false) }

// TestWatchersDuringHandovers: nor is anything when one user agent after the other takes over.
func TestWatchersDuringHandovers(t *testing.T) { watchersOfAllKinds(t, true) }

func watchersOfAllKinds(t *testing.T, handovers bool) {
	for seed := range uint64(100) {
		inNewsroom(t, func(w *world, n *notices) {
			r := rand.New(rand.NewPCG(seed, 2))
			var watchers []*watcher
			for range 1 + r.IntN(4) {
				v := &watcher{phone: w.phone(), rand: r}
				if r.IntN(2) == 0 {
					v.calls()
					v.within = true
				}
				watchers = append(watchers, v)
			}
			for range 60 {
				v := watchers[r.IntN(len(watchers))]
				switch r.IntN(7) {
				case 0, 1:
					n.changes(fmt.Sprint(r.IntN(100)))
				case 2:
					w.ua.Gone("conference", "room 5234")
				case 3, 4:
					v.asks([]string{"60", "3600", "0"}[r.IntN(3)])
				case 5:
					if v.within && r.IntN(3) == 0 {
						v.within = false
						v.sends("BYE", "")
					}
				case 6:
					for range r.IntN(80) {
						time.Sleep(step)
						for _, v := range watchers {
							v.reads()
						}
					}
				}
				for _, v := range watchers {
					v.reads()
				}
				if handovers && r.IntN(4) == 0 {
					for len(w.calls) > 0 {
						<-w.calls
					}
					w.handsOver()
					for _, v := range watchers {
						v.open, v.anew = nil, v.anew+1 // what was not answered is told anew, at once
					}
				}
			}
			w.ua.Gone("conference", "room 5234")
			for range 120 {
				time.Sleep(time.Second)
				for _, v := range watchers {
					v.reads()
				}
			}
			for _, v := range watchers {
				if v.within {
					v.sends("BYE", "")
					v.reads()
				}
			}
		})
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// step is how long a watcher may not look at what has come.
const step = 50 * time.Millisecond

// watcher is a phone of TestWatchersOfAllKinds.
type watcher struct {
	*phone
	rand     *rand.Rand
	within   bool
	asked    time.Time // when it has subscribed last
	told     time.Time // when the last NOTIFY came
	anew     int       // so many times another user agent has taken over: each time one NOTIFY may come at once
	open     *sipgo.Request
	cseq     uint32
	lastWord bool
}

func (v *watcher) asks(expires string) {
	v.asked = time.Now()
	if v.lastWord && !v.within && v.open == nil { // its dialog is gone
		v.toTag, v.cseq, v.lastWord, v.callID = "", 0, false, v.callID+"x"
	}
	v.sends("SUBSCRIBE", "", "Event: conference", "Expires: "+expires)
}

// reads takes what has come, and answers, perhaps.
func (v *watcher) reads() {
	v.w.t.Helper()
	synctest.Wait()
	for len(v.inbox) > 0 {
		m := v.gets(now)
		switch m := m.Message.(type) {
		case *sipgo.Response:
			if tag, _ := m.To().Params.Get("tag"); v.toTag == "" && m.StatusCode == 200 {
				v.toTag = tag
			}
		case *sipgo.Request:
			v.takes(m)
		}
		synctest.Wait()
	}
	if v.open != nil && v.rand.IntN(3) > 0 {
		v.answers(v.open, []int{200, 200, 200, 500, 481}[v.rand.IntN(5)], "")
		v.open = nil
		v.reads()
	}
}

// takes looks at a NOTIFY.
func (v *watcher) takes(m *sipgo.Request) {
	v.w.t.Helper()
	if m.Method != sipgo.NOTIFY {
		v.w.t.Fatalf("got\n%s", m)
	}
	number := m.CSeq().SeqNo
	if m.CallID().Value() != v.callID {
		return // the last one of a dialog that is over, once more
	}
	if v.open != nil && number == v.open.CSeq().SeqNo || v.open == nil && number == v.cseq {
		return // once more
	}
	if v.open != nil && time.Since(v.told) < 32*time.Second && v.anew == 0 {
		v.w.t.Errorf("two at once:\n%s\n%s", v.open, m)
	}
	if v.cseq != 0 && number != v.cseq+1 {
		v.w.t.Errorf("CSeq %d after %d", number, v.cseq)
	}
	state := header(v.w.t, m, "Subscription-State")
	if last := strings.HasPrefix(state, "terminated"); !last && time.Since(v.told) < notifyPause-step && v.asked.Before(v.told) && v.anew == 0 {
		v.w.t.Errorf("%v after the one before:\n%s", time.Since(v.told), m)
	} else {
		v.lastWord = last
	}
	if v.open != nil || time.Since(v.told) < notifyPause {
		v.anew = max(0, v.anew-1)
	}
	v.open, v.cseq, v.told = m, number, time.Now()
}
