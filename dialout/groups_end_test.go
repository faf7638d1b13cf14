package dialout

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestARoomThatEnds(t *testing.T) {
	gathering(t, pbx(), GroupsConfig{}, func(o *office) {
		o.list("100", "101", "102", "103,104")
		o.phone("101").answers(0)
		o.phone("102").rings(0).crosses = true
		o.phone("103").rings(0)
		o.press(3)
		time.Sleep(time.Second)
		o.groups.EndRoom(conference("12"))
		synctest.Wait()
		o.wantLog(`0s INVITE 101@pbx
			0s INVITE 102@pbx
			0s INVITE 103@pbx
			0s 101@pbx is in
			1s CANCEL 102@pbx: the room has ended
			1s CANCEL 103@pbx: the room has ended
			1s BYE 102@pbx: the room has ended`)
		if got := o.groups.States(conference("12")); len(got) != 0 {
			t.Errorf("the room's groups: %v", got)
		}
		if _, err := o.groups.Missing(context.Background(), conference("12"), by("12")); err != nil {
			t.Error(err)
		}
	})
}

// The conference in room 12 is over, and the next one there has called a group already when that is told: what rings for it rings on,
// and is not forgotten.
func TestTheNextConferenceIsNotEndedWithTheLast(t *testing.T) {
	gathering(t, pbx(), GroupsConfig{EndsWithCaller: true}, func(o *office) {
		o.list("100", "101", "102")
		o.list("200", "103")
		o.phone("101").answers(0)
		o.phone("102").rings(0)
		o.phone("103").rings(0).answers(10 * time.Second)
		first, second := Room{"12", 1}, Room{"12", 2}
		call := func(room Room, group, call string, want int) {
			t.Helper()
			if n, err := o.groups.Call(context.Background(), room, group, Caller{"12", call}); n != want || err != nil {
				t.Errorf("group %s: %d, %v; want %d", group, n, err, want)
			}
		}
		call(first, "100", "call 1", 2)
		time.Sleep(time.Second)
		call(second, "200", "call 2", 1)
		o.groups.CallerLeft("call 1") // told late
		o.groups.EndRoom(first)
		synctest.Wait()
		if got := o.groups.Report(second).String(); got != "0 of 1; missing: 103: ringing" {
			t.Error(got)
		}
		if got := o.groups.States(first); len(got) != 0 {
			t.Errorf("not forgotten: %v", got)
		}
		time.Sleep(time.Minute)
		o.wantLog(`0s INVITE 101@pbx
			0s INVITE 102@pbx
			0s 101@pbx is in
			1s CANCEL 102@pbx: the room has ended
			1s INVITE 103@pbx
			11s 103@pbx is in`)
		if got := o.groups.Report(second).String(); got != "1 of 1" {
			t.Error(got)
		}
	})
}

// A phone that rings for the conference before is not called for the next one until that INVITE is over, and then in the list's order; nobody
// is called if the next one is over meanwhile as well. Who talks there and does not hang up holds the others up for two seconds.
func TestAPhoneThatRangForTheLastConferenceIsNotBusyForTheNext(t *testing.T) {
	for _, c := range []struct {
		slow time.Duration
		ends bool
		want string
	}{
		{0, false, "1s INVITE 101@pbx\n1s INVITE 102@pbx\n21s 101@pbx is in\n21s 102@pbx is in"},
		{time.Second, false, "2s INVITE 101@pbx\n2s INVITE 102@pbx\n22s 101@pbx is in\n22s 102@pbx is in"},
		{time.Second, true, ""},
	} {
		gathering(t, pbx(), GroupsConfig{}, func(o *office) {
			o.list("100", "101", "102")
			first := o.phone("101").rings(0).answers(20 * time.Second)
			first.slow = c.slow
			o.phone("102").rings(0).answers(20 * time.Second)
			for incarnation := range uint64(2) {
				if n, err := o.groups.Call(context.Background(), Room{"12", incarnation}, "100", by("12")); n != 2 || err != nil {
					t.Errorf("%d, %v", n, err)
				}
				if incarnation == 0 {
					time.Sleep(time.Second)
				}
			}
			time.Sleep(c.slow / 2)
			if c.ends {
				o.groups.EndRoom(Room{"12", 1})
			}
			time.Sleep(time.Minute)
			o.wantLog(`0s INVITE 101@pbx
				0s INVITE 102@pbx
				1s CANCEL 101@pbx: the room has ended
				1s CANCEL 102@pbx: the room has ended
				` + c.want)
		})
	}
	gathering(t, pbx(), GroupsConfig{}, func(o *office) {
		o.list("100", "101", "102")
		o.phone("101").answers(0)
		o.phone("102").answers(0)
		o.wantDial(o.dialer, Request{Room: Room{"12", 0}, Caller: "12", Number: "101"}, "queued, trying, answered on 101@pbx: straight")
		if n, err := o.groups.Call(context.Background(), Room{"12", 1}, "100", by("12")); n != 2 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		time.Sleep(time.Minute)
		o.wantLog("0s INVITE 101@pbx\n2s INVITE 101@pbx\n2s INVITE 102@pbx\n2s 101@pbx is in\n2s 102@pbx is in")
		o.calls[0].Hangup("bye")
	})
}

func TestARoomThatEndsWhileSomebodyIsReceived(t *testing.T) {
	gathering(t, two(), GroupsConfig{}, func(o *office) {
		o.dialer.trunks[0].up = false // over the carrier: press 1
		o.list("100", "101,102")
		o.phone("101").answers(0)
		o.press(1)
		time.Sleep(time.Second)
		o.wantStates("101,102: answered")
		o.groups.EndRoom(conference("12"))
		synctest.Wait()
		o.wantLog("0s INVITE 101@carrier\n1s 101@carrier is cancelled\n1s BYE 101@carrier: cancelled")
	})
}

func TestTheInviterGivesUp(t *testing.T) {
	for _, ends := range []bool{true, false} {
		gathering(t, pbx(), GroupsConfig{EndsWithCaller: ends}, func(o *office) {
			o.list("100", "101", "102")
			o.list("200", "103")
			o.phone("101").answers(0)
			o.phone("102").rings(0).answers(20 * time.Second)
			o.phone("103").rings(0).answers(20 * time.Second)
			o.press(2)
			o.pressed("12", "200", "13", 1)
			time.Sleep(time.Second)
			o.groups.CallerLeft(by("12").Call)
			o.groups.CallerLeft("another call of 13")
			time.Sleep(time.Minute)
			if ends {
				o.wantReport("2 of 3; missing: 102: cancelled")
			} else {
				o.wantReport("3 of 3")
			}
			o.press(map[bool]int{true: 1, false: 0}[ends])
			o.groups.GiveUp(by("12").Call)
			if ends {
				o.wantReport("2 of 3; missing: 102: cancelled")
			}
		})
	}
}
