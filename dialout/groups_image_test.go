package dialout

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// A group is being called while another process takes over. Who is in stays in, who is asked to press 1 is asked on, and he whose phone rings is left
// to answer: when he is busy his other number is next. Those who have waited for a line are dialled in the list's order, for who has pressed the key.
func TestGroupsGoOnInAnotherProcess(t *testing.T) {
	cfg := pbx()
	cfg.Trunks[0].MaxCalls = 3
	groups := GroupsConfig{Wait: 5 * time.Minute}
	gathering(t, cfg, groups, func(o *office) {
		o.list("100", "Anna 101", "102,202", "103 press-1", "104", "105", "106", "107")
		o.list("200", "108")
		o.phone("101").answers(0)
		o.phone("102").rings(0).fails(8*time.Second, 486)
		o.phone("103").answers(time.Second)
		o.presses["103"] = 8 * time.Second
		for _, number := range []string{"202", "104", "105", "106", "107", "108"} {
			o.phone(number).rings(0).fails(time.Second, 486)
		}
		o.press(7)
		synctest.Wait()
		o.pressed("77", "200", "13", 1)
		time.Sleep(5 * time.Second)
		before := o.groups.States(conference("12"))[0].Members
		o.handsOver(cfg, groups)
		o.wantStates("Anna (101): in, 102,202: ringing, 103 press-1: answered, 104: queued, 105: queued, 106: queued, 107: queued")
		for i, m := range o.groups.States(conference("12"))[0].Members {
			if i != 1 && !m.Since.Equal(before[i].Since) {
				t.Errorf("%v since %v, and was since %v", m, m.Since, before[i].Since)
			}
		}
		time.Sleep(time.Minute)
		o.wantReport("2 of 7; missing: 102,202: busy, 104: busy, 105: busy, 106: busy, 107: busy")
		o.wantLog(`0s INVITE 101@pbx
			0s INVITE 102@pbx
			0s INVITE 103@pbx
			0s 101@pbx is in
			8s INVITE 104@pbx
			9s INVITE 105@pbx
			10s INVITE 106@pbx
			11s INVITE 107@pbx
			12s INVITE 108@pbx
			13s 103@pbx is in
			13s INVITE 202@pbx`)
		for _, a := range o.sent {
			if want := map[string]string{"12": "12", "77": "13"}[a.Room]; a.Caller != want {
				t.Errorf("%s is called into %s for %s, want %s", a.Number, a.Room, a.Caller, want)
			}
		}
		o.phone("202").answers(0)
		o.press(5) // those who are missing
		time.Sleep(time.Minute)
		o.wantReport("3 of 7; missing: 104: busy, 105: busy, 106: busy, 107: busy")
	})
}

// He who has pressed the key leaves when another process has taken over: whom it calls for him is given up. A member comes by himself: he is not
// called.
func TestThePressOfTheProcessBefore(t *testing.T) {
	cfg := pbx()
	cfg.Trunks[0].MaxCalls = 1
	groups := GroupsConfig{EndsWithCaller: true}
	gathering(t, cfg, groups, func(o *office) {
		o.list("100", "101", "102", "103", "104")
		o.list("200", "105")
		o.phone("101").rings(0).fails(5*time.Second, 486)
		o.phone("102").rings(0)
		o.phone("105").answers(0)
		o.press(4)
		synctest.Wait()
		o.pressed("12", "200", "13", 1)
		time.Sleep(time.Second)
		o.handsOver(cfg, groups)
		time.Sleep(time.Second)
		o.enters("103")
		o.groups.Arrived(conference("12"), "103")
		synctest.Wait()
		o.wantReport("1 of 5; missing: 101: ringing, 102: queued, 104: queued, 105: queued")
		o.groups.CallerLeft(by("12").Call)
		synctest.Wait()
		o.wantReport("2 of 5; missing: 101: cancelled, 102: cancelled, 104: cancelled")
		o.wantLog(`0s INVITE 101@pbx
			2s CANCEL 101@pbx: the inviter has given up
			2s INVITE 105@pbx
			2s 105@pbx is in`)
	})
}

// Who is asked to press 1 is asked on at once, although somebody of the conference before talks on under his number.
func TestAGuestDoesNotWaitForTheConferenceBefore(t *testing.T) {
	gathering(t, pbx(), GroupsConfig{}, func(o *office) {
		o.list("100", "101 press-1")
		o.phone("101").answers(0)
		o.presses["101"] = 8 * time.Second
		o.wantDial(o.dialer, Request{Room: Room{"12", 0}, Caller: "12", Number: "101"}, "queued, trying, answered on 101@pbx: straight")
		if n, err := o.groups.Call(context.Background(), Room{"12", 1}, "100", by("12")); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		time.Sleep(3 * time.Second)
		o.handsOver(pbx(), GroupsConfig{})
		time.Sleep(time.Minute)
		o.wantLog("0s INVITE 101@pbx\n2s INVITE 101@pbx\n11s 101@pbx is in")
		o.calls[0].Hangup("bye")
	})
}

// Who was asked to press 1 has hung up between the processes: his other number is called, and who has none was interrupted.
func TestAGuestIsLostBetweenTheProcesses(t *testing.T) {
	gathering(t, pbx(), GroupsConfig{}, func(o *office) {
		o.list("100", "101 press-1,201 straight", "102 press-1")
		o.phone("101").answers(0)
		o.phone("102").answers(0)
		o.phone("201").answers(0)
		o.press(2)
		time.Sleep(time.Second)
		cfg := pbx()
		o.lost = true
		o.handsOver(cfg, GroupsConfig{})
		synctest.Wait()
		o.wantReport("1 of 2; missing: 102 press-1: failed: interrupted by an upgrade")
		o.wantLog("0s INVITE 101@pbx\n0s INVITE 102@pbx\n1s BYE 101@pbx: goes\n1s BYE 102@pbx: goes\n1s INVITE 201@pbx\n1s 201@pbx is in")
	})
}

// The room ends in the middle of the hand-over, when nobody acts any more: who was asked to press 1 there is hung up by the next process, and so is he who
// has picked up meanwhile.
func TestARoomThatEndsBetweenTheProcesses(t *testing.T) {
	gathering(t, pbx(), GroupsConfig{}, func(o *office) {
		o.deaf = true
		o.list("100", "101 press-1", "102")
		o.phone("101").answers(0)
		o.phone("102").rings(0).answers(5 * time.Second)
		o.press(2)
		time.Sleep(time.Second)
		o.meanwhile = func() { o.groups.EndRoom(conference("12")) }
		im := o.handsOver(pbx(), GroupsConfig{})
		o.deaf = false
		synctest.Wait()
		if len(im.Calls) != 1 || !im.Calls[0].Over || len(im.Searches) != 2 || len(im.Searches[1].Called) != 1 || im.Searches[1].Called[0].ID == "" {
			t.Errorf("written down: %+v", im)
		}
		if got := o.groups.States(conference("12")); len(got) != 0 {
			t.Errorf("the room's groups: %v", got)
		}
		o.wantLog(`0s INVITE 101@pbx
			0s INVITE 102@pbx
			10s BYE 101@pbx: the room has ended
			10s BYE 102@pbx: the room has ended`) // the old process is as deaf when it is closed, which none is in earnest
	})
}

// A pause that is not waited for holds nobody up.
func TestAPauseOfTheGroupsThatIsNotWaitedFor(t *testing.T) {
	gathering(t, pbx(), GroupsConfig{}, func(o *office) {
		o.list("100", "101,201")
		o.phone("101").rings(0).fails(5*time.Second, 486).sending = 3 * time.Second
		o.phone("201").answers(0)
		o.press(1)
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeoutCause(context.Background(), time.Second, errors.New("long enough"))
		defer cancel()
		if err := o.groups.Pause(ctx); err == nil || err.Error() != "1 number is being dialled: 101 into 12" {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		o.wantReport("1 of 1")
	})
}

// A pause begins when everybody knows how far the members are, not when the phone is picked up.
func TestAPauseWaitsForWhoIsTold(t *testing.T) {
	gathering(t, pbx(), GroupsConfig{}, func(o *office) {
		o.dawdle = time.Second
		o.list("100", "101 press-1")
		o.phone("101").rings(0).answers(5 * time.Second)
		o.press(1)
		time.Sleep(5500 * time.Millisecond)
		if err := o.dialer.Pause(context.Background()); err != nil {
			t.Error(err)
		}
		if took := time.Since(o.began); took != 6*time.Second {
			t.Errorf("paused after %v", took)
		}
		o.wantStates("101 press-1: answered")
		o.dialer.Resume()
	})
	gathering(t, pbx(), GroupsConfig{}, func(o *office) {
		o.dawdle = time.Second
		o.list("100", "101 press-1")
		o.phone("101").answers(0)
		o.presses["101"] = 5 * time.Second
		o.press(1)
		time.Sleep(5500 * time.Millisecond)
		if err := o.groups.Pause(context.Background()); err != nil {
			t.Error(err)
		}
		if took := time.Since(o.began); took != 6*time.Second {
			t.Errorf("paused after %v", took)
		}
	})
}

// A group of five, of whom two ring, one is in, one is asked to press 1, and one waits for a line, and who has one more number than another: nobody is rung a
// second time, and what is counted is as it was.
func TestAGroupThatRingsInAnotherProcess(t *testing.T) {
	cfg := pbx()
	cfg.Trunks[0].MaxCalls = 4
	cfg.Limits.RoomAtOnce = 4
	groups := GroupsConfig{Wait: 5 * time.Minute}
	gathering(t, cfg, groups, func(o *office) {
		o.list("100", "101", "102,202", "103", "104 press-1", "105")
		o.phone("101").answers(0)
		o.phone("102").rings(0).fails(8*time.Second, 486)
		o.phone("202").answers(0)
		o.phone("103").rings(0).answers(6 * time.Second)
		o.phone("104").answers(0)
		o.phone("105").answers(0)
		o.press(5)
		time.Sleep(3 * time.Second)
		const states = "101: in, 102,202: ringing, 103: ringing, 104 press-1: answered, 105: queued"
		o.wantStates(states)
		before := o.dialer.Stats()
		members := o.groups.States(conference("12"))[0].Members
		o.handsOver(cfg, groups)
		o.wantStates(states)
		if after := o.dialer.Stats(); after.Dials != before.Dials || after.Waiting != before.Waiting || fmt.Sprint(after.Usage, after.Trunks) != fmt.Sprint(before.Usage, before.Trunks) {
			t.Errorf("the figures are\n%+v\nand were\n%+v", after, before)
		}
		for i, m := range o.groups.States(conference("12"))[0].Members {
			if !m.Since.Equal(members[i].Since) {
				t.Errorf("%v since %v, and was since %v", m, m.Since, members[i].Since)
			}
		}
		o.press(0) // all are seen to
		time.Sleep(time.Minute)
		o.wantReport("4 of 5; missing: 104 press-1: no-accept")
		o.wantLog(`0s INVITE 101@pbx
			0s INVITE 102@pbx
			0s INVITE 103@pbx
			0s INVITE 104@pbx
			0s 101@pbx is in
			6s 103@pbx is in
			8s INVITE 105@pbx
			8s 105@pbx is in
			13s 104@pbx is no-accept
			13s BYE 104@pbx: no-accept
			13s INVITE 202@pbx
			13s 202@pbx is in`)
	})
}

// Two numbers of one member ring together, and his third has its turn when it would have had it. The first who answers has him, and the other is told so; at
// which of the two that was before or after the hand-over does not matter.
func TestNumbersOfOneMemberRingTogetherInAnotherProcess(t *testing.T) {
	groups := GroupsConfig{NextAfter: 4 * time.Second}
	for answers, log := range map[string]string{
		"101": "0s INVITE 101@pbx\n4s INVITE 102@pbx\n7s 101@pbx is in\n7s CANCEL 102@pbx: answered elsewhere",
		"102": "0s INVITE 101@pbx\n4s INVITE 102@pbx\n7s 102@pbx is in\n7s CANCEL 101@pbx: answered elsewhere",
		"103": "0s INVITE 101@pbx\n4s INVITE 102@pbx\n8s INVITE 103@pbx\n15s 103@pbx is in\n15s CANCEL 101@pbx: answered elsewhere\n15s CANCEL 102@pbx: answered elsewhere",
	} {
		gathering(t, pbx(), groups, func(o *office) {
			o.list("100", "101,102,103")
			for _, number := range []string{"101", "102", "103"} {
				p := o.phone(number).rings(0)
				switch {
				case number != answers:
				case number == "102":
					p.answers(3 * time.Second)
				default:
					p.answers(7 * time.Second)
				}
			}
			o.press(1)
			time.Sleep(5 * time.Second)
			im := o.handsOver(pbx(), groups)
			if s := im.Searches[0]; len(s.Called) != 2 || len(s.Left) != 1 || s.Next.Sub(o.began) != 8*time.Second {
				t.Errorf("written down: %+v", s)
			}
			time.Sleep(time.Second)
			o.handsOver(pbx(), groups)
			time.Sleep(time.Minute)
			o.wantReport("1 of 1")
			o.wantLog(log)
		})
	}
}

// Somebody comes by himself while nobody does anything: in the next process his phone is told that, and does not ring on. Then the room ends.
func TestARoomEndsWhileItRingsInAnotherProcess(t *testing.T) {
	gathering(t, pbx(), GroupsConfig{}, func(o *office) {
		o.list("100", "101", "102")
		o.phone("101").rings(0)
		o.phone("102").rings(0)
		o.press(2)
		time.Sleep(3 * time.Second)
		o.meanwhile = func() { // in the pause
			o.enters("102")
			o.groups.Arrived(conference("12"), "102")
		}
		o.handsOver(pbx(), GroupsConfig{})
		synctest.Wait()
		o.wantLog("0s INVITE 101@pbx\n0s INVITE 102@pbx\n3s CANCEL 102@pbx: answered elsewhere")
		o.wantReport("1 of 2; missing: 101: ringing")
		o.groups.EndRoom(conference("12"))
		synctest.Wait()
		o.wantLog("3s CANCEL 101@pbx: the room has ended")
	})
}
