package links

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipconf/sipconf/dialout"
)

// The article's case: a colleague comes in, and the far side is called at once and gets the digits; the last one leaves, and it is hung up.
func TestALineForAsLongAsSomebodyIsInside(t *testing.T) {
	within(t, one(), func(f *far, l *Links) {
		f.plays[conference] = []play{{after: 3 * time.Second}}
		f.dials = 2 * time.Second
		f.wantLog()
		f.joins(l)
		time.Sleep(10 * time.Second)
		f.wantLog("0s INVITE to 84957776675", "3s 200 from 84957776675", "5s 84957776675 is in, after 354233", "5s told: connected")
		f.leavesRoom(l)
		f.wantLog("10s BYE to 84957776675")
		wantState(t, l, Idle)
	})
}

// wantState compares the state of the only link.
func wantState(t *testing.T, l *Links, want State) {
	t.Helper()
	synctest.Wait()
	if got := l.Status()[0].State; got != want {
		t.Errorf("the link is %s, want %s", got, want)
	}
}

// What the link is doing can be seen at each step.
func TestStatesOfALink(t *testing.T) {
	within(t, one(), func(f *far, l *Links) {
		f.plays[conference] = []play{{after: time.Second, code: 486}, {after: time.Second}}
		f.dials = time.Second
		wantState(t, l, Idle)
		f.joins(l)
		wantState(t, l, Ringing)
		time.Sleep(1500 * time.Millisecond) // busy, dialled again at once, 0.5 s later
		wantState(t, l, Ringing)
		if got := l.Status()[0]; got.Cause != "busy" || got.Attempts != 2 {
			t.Errorf("after a busy far side: %+v", got)
		}
		time.Sleep(time.Second)
		wantState(t, l, SendingDigits)
		time.Sleep(time.Second)
		wantState(t, l, Up)
		f.call(conference).ends(false)
		wantState(t, l, BackingOff) // the first wait, 0 s, was that for the busy one, and the second is 5 s
	})
}

// Busy, then no answer, then 503, then lost: the waits grow, and begin anew after a minute of being connected.
func TestTheLadder(t *testing.T) {
	within(t, one(), func(f *far, l *Links) {
		f.plays[conference] = []play{{code: 486}, {code: 503}, {code: 480}, {code: 404}, {code: 486}, {code: 486}, {}}
		f.joins(l)
		time.Sleep(4 * time.Minute)
		f.wantLog("0s INVITE to 84957776675", "0s INVITE to 84957776675", "5s INVITE to 84957776675", "20s INVITE to 84957776675",
			"50s INVITE to 84957776675", "1m50s INVITE to 84957776675", "2m50s INVITE to 84957776675",
			"2m50s 200 from 84957776675", "2m50s 84957776675 is in, after 354233", "2m50s told: connected")
		f.call(conference).ends(false) // after 70 s
		time.Sleep(time.Second)
		f.wantLog("4m0s 84957776675: lost", "4m0s told: lost", "4m0s INVITE to 84957776675", "4m0s 200 from 84957776675",
			"4m0s 84957776675 is in, after 354233", "4m0s told: connected")
		f.call(conference).ends(false) // after a second: that is the second step
		time.Sleep(10 * time.Second)
		f.wantLog("4m1s 84957776675: lost", "4m1s told: lost", "4m6s INVITE to 84957776675", "4m6s 200 from 84957776675",
			"4m6s 84957776675 is in, after 354233", "4m6s told: connected")
	})
}

// The far side says goodbye: its meeting has ended, so it is not called again at once.
func TestTheFarSideSaysGoodbye(t *testing.T) {
	within(t, one(), func(f *far, l *Links) {
		f.joins(l)
		synctest.Wait()
		f.call(conference).ends(true)
		wantState(t, l, BackingOff)
		if got := l.Status()[0]; time.Until(got.Until) != 30*time.Second || got.Cause != "the far side has hung up" || got.Lost != 1 {
			t.Errorf("after a goodbye: %+v", got)
		}
		f.mu.Lock()
		f.log = nil
		f.mu.Unlock()
		time.Sleep(31 * time.Second)
		f.wantLog("30s INVITE to 84957776675", "30s 200 from 84957776675", "30s 84957776675 is in, after 354233", "30s told: connected")
	})
}

// The digits are not taken: that is a failure like any other, and the call is hung up.
func TestTheDigitsAreNotTaken(t *testing.T) {
	within(t, one(), func(f *far, l *Links) {
		f.digits = []error{errors.New("the far side asks again"), errors.New("the far side asks again")}
		f.joins(l)
		time.Sleep(time.Second)
		f.wantLog("0s INVITE to 84957776675", "0s 200 from 84957776675", "0s BYE to 84957776675",
			"0s INVITE to 84957776675", "0s 200 from 84957776675", "0s BYE to 84957776675")
		if got := l.Status()[0]; got.State != BackingOff || got.Cause != "the far side asks again" || got.Connected != 0 {
			t.Errorf("after two failures: %+v", got)
		}
	})
}

// He leaves while it rings, and the far side answers at that very moment; he comes back at once. The next call begins when the first is over.
func TestQuickLeaveAndRejoin(t *testing.T) {
	within(t, one(), func(f *far, l *Links) {
		f.plays[conference] = []play{{after: 2 * time.Second, crosses: true, slow: 300 * time.Millisecond}, {slow: 300 * time.Millisecond}}
		f.joins(l)
		time.Sleep(time.Second)
		f.leavesRoom(l)
		f.joins(l)
		f.leavesRoom(l)
		f.joins(l)
		time.Sleep(time.Second)
		f.wantLog("0s INVITE to 84957776675", "1s CANCEL to 84957776675", "1.3s 200 from 84957776675, and BYE",
			"1.3s INVITE to 84957776675", "1.3s 200 from 84957776675", "1.3s 84957776675 is in, after 354233", "1.3s told: connected")
		f.leavesRoom(l)
		f.joins(l)
		time.Sleep(time.Second)
		f.wantLog("2s BYE to 84957776675", "2.3s INVITE to 84957776675", "2.3s 200 from 84957776675", "2.3s 84957776675 is in, after 354233", "2.3s told: connected")
	})
}

// Two rooms share a line that takes one call: the second waits for it, and has it as soon as the first has left.
func TestALineIsShared(t *testing.T) {
	cfg := one()
	cfg.Lines = []Line{{Name: "provider's"}}
	cfg.Links[0].Line = "provider's"
	cfg.Links = append(cfg.Links, Link{Room: "5234", Number: "84957776676", Line: "provider's"})
	within(t, cfg, func(f *far, l *Links) {
		f.joins(l)
		time.Sleep(time.Second)
		l.People("5234", 1, true)
		time.Sleep(time.Second)
		if got := l.Status()[1].State; got != WaitingForLine {
			t.Errorf("the second link is %s", got)
		}
		f.leavesRoom(l)
		f.wantLog("0s INVITE to 84957776675", "0s 200 from 84957776675", "0s 84957776675 is in, after 354233", "0s told: connected",
			"2s BYE to 84957776675", "2s INVITE to 84957776676", "2s 200 from 84957776676", "2s 84957776676 is in, after ", "2s told: connected")
	})
}

// Two servers link their rooms with each other. The far side has called: its call is the link, and ours is not dialled; when it hangs up
// ours is.
func TestTheFarSideCallsFirst(t *testing.T) {
	within(t, one(), func(f *far, l *Links) {
		theirs := f.callsUs()
		if m := l.Meet("354233", "+7 4957776675", dialout.Mark{}, theirs); m.Link || m.Refused {
			t.Error("somebody with another number is taken for the far side")
		}
		if m := l.Meet("354233", "84957776675", dialout.Mark{}, theirs); !m.Link || m.Refused {
			t.Error("the far side is not known by its number")
		}
		wantState(t, l, Met)
		f.joins(l)
		time.Sleep(time.Minute)
		f.wantLog("0s told: connected")
		wantState(t, l, Met)
		if m := l.Meet("354233", "84957776675", dialout.Mark{}, f.callsUs()); !m.Link || !m.Refused {
			t.Error("the far side has two calls")
		}
		theirs.ends()
		time.Sleep(time.Minute)
		f.wantLog("1m0s told: lost", "1m30s INVITE to 84957776675", "1m30s 200 from 84957776675", "1m30s 84957776675 is in, after 354233", "1m30s told: connected")
		if got := l.Status()[0]; got.Connected != 2 || got.Lost != 1 {
			t.Errorf("figures: %+v", got)
		}
		if m := l.Meet("354233", "84957776675", dialout.Mark{}, f.callsUs()); !m.Link || !m.Refused {
			t.Error("the far side has called, although we have")
		}
	})
}

// Both dial at the same moment, and each knows the other's mark: the call of the one with the smaller name stays.
func TestBothDialAtOnce(t *testing.T) {
	within(t, one(), func(f *far, l *Links) {
		f.plays[conference] = []play{{after: 5 * time.Second, slow: 100 * time.Millisecond}}
		f.joins(l)
		time.Sleep(time.Second)
		if m := l.Meet("354233", "1", dialout.Mark{Instance: "zzzz", Room: "354233", Link: true}, f.callsUs()); !m.Link || !m.Refused {
			t.Error("we have given way to a greater name")
		}
		if m := l.Meet("354233", conference, dialout.Mark{}, f.callsUs()); !m.Link || !m.Refused {
			t.Error("we have given way to somebody whose name is not known")
		}
		theirs := f.callsUs()
		if m := l.Meet("354233", "1", dialout.Mark{Instance: "", Room: "354233", Link: true}, theirs); !m.Link || !m.Refused {
			t.Error("we have given way to no name")
		}
		if m := l.Meet("354233", "1", dialout.Mark{Instance: "0", Room: "354233", Link: true}, theirs); !m.Link || m.Refused {
			t.Error("we have not given way to a smaller name")
		}
		time.Sleep(time.Second)
		wantState(t, l, Met)
		f.wantLog("0s INVITE to 84957776675", "1s CANCEL to 84957776675", "1.1s told: connected")
		theirs.ends()
		time.Sleep(40 * time.Second)
		f.wantLog("2s told: lost", "32s INVITE to 84957776675", "37s 200 from 84957776675", "37s 84957776675 is in, after 354233", "37s told: connected")
	})
}

// Other conferences than the far side call, with a mark: they are no people, and take nobody's place. Where there is no link there is nothing that
// they could keep alive.
func TestAnotherConferenceCalls(t *testing.T) {
	within(t, one(), func(f *far, l *Links) {
		f.joins(l)
		time.Sleep(time.Second)
		wantState(t, l, Up)
		other := dialout.Mark{Instance: "0", Room: "1001", Link: true}
		if m := l.Meet("354233", "84951112233", other, f.callsUs()); m != (Meeting{Link: true}) {
			t.Errorf("another conference: %+v", m)
		}
		if m := l.Meet("5234", "84951112233", other, f.callsUs()); m != (Meeting{}) {
			t.Errorf("another conference, in a room without a link: %+v", m)
		}
		wantState(t, l, Up)
	})
}

// The far side is known by the numbers that it shows, by the room of its mark if that is what we dial or press, and by nothing else.
func TestWhoTheFarSideIs(t *testing.T) {
	cfg := one()
	cfg.Links = append(cfg.Links, Link{Room: "5234", Number: "*12002", From: []string{"8 495 111-22-33"}})
	for _, c := range []struct {
		room, number, marked string
		known                bool
	}{
		{"354233", conference, "", true}, {"354233", "8-495-7776675", "", true}, {"354233", "101", "", false}, {"354233", "", "", false},
		{"354233", "101", "354233", true}, {"354233", "101", "6675", true}, {"354233", "101", "1001", false},
		{"5234", "*12002", "", false}, {"5234", "84951112233", "", true}, {"5234", "", "2002", true}, {"5234", "", "200", false},
	} {
		within(t, cfg, func(f *far, l *Links) {
			mark := dialout.Mark{}
			if c.marked != "" {
				mark = dialout.Mark{Instance: "x", Room: c.marked, Link: true}
			}
			if m := l.Meet(c.room, c.number, mark, f.callsUs()); m.Known != c.known {
				t.Errorf("%+v: %+v", c, m)
			}
		})
	}
}

// The server ends while it rings at one far side and another is connected, which does not answer the BYE: nobody waits for that.
func TestTheServerEnds(t *testing.T) {
	cfg := one()
	cfg.Links = append(cfg.Links, Link{Room: "354233", Number: "84957776676"})
	within(t, cfg, func(f *far, l *Links) {
		f.plays[conference] = []play{{after: time.Minute}}
		f.plays["84957776676"] = []play{{slow: 32 * time.Second}}
		f.joins(l)
		time.Sleep(time.Second)
		l.Close()
		if took := time.Since(f.began); took != time.Second {
			t.Errorf("it has ended after %v", took)
		}
		synctest.Wait()
		if f.call(conference) != nil {
			t.Error("the far side still has a call")
		}
		time.Sleep(time.Minute) // the BYE is given up
	})
}

// A panic while the far side is connected costs this attempt and not the link.
func TestAPanicCostsOneAttempt(t *testing.T) {
	within(t, one(), func(f *far, l *Links) {
		f.digits = []error{errPanic}
		f.joins(l)
		time.Sleep(time.Second)
		if l.Panics() != 1 {
			t.Errorf("%d panics were survived", l.Panics())
		}
		wantState(t, l, Up)
	})
}
