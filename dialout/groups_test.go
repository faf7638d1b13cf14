package dialout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestTheDirectorCallsHisGroup is the work that all this is for.
func TestTheDirectorCallsHisGroup(t *testing.T) {
	cfg := two()
	cfg.Trunks[1].Numbers = []string{"_8XXXXXXXXXX"}
	cfg.Default = "carrier"
	gathering(t, cfg, GroupsConfig{Ring: 20 * time.Second}, func(o *office) {
		o.list("100", "Anna 101", "Boris 102", "103", "104", "105", "89161111111", "89162222222")
		o.phone("101").tries(0).rings(time.Second).answers(time.Second)
		o.phone("102").fails(time.Second, 486)
		o.phone("103").rings(0).fails(3*time.Second, 603)
		o.phone("104").rings(0) // never answers
		o.phone("105").rings(0).answers(5 * time.Second)
		o.phone("89161111111").rings(0).answers(4 * time.Second) // a voicemail
		o.phone("89162222222").rings(0).answers(4 * time.Second)
		o.presses["89162222222"] = 3 * time.Second
		o.press(7)
		o.wantStates("Anna (101): trying, Boris (102): trying, 103: ringing, 104: ringing, 105: ringing, 89161111111: ringing, 89162222222: ringing")
		time.Sleep(4500 * time.Millisecond)
		o.wantStates("Anna (101): in, Boris (102): busy, 103: declined, 104: ringing, 105: ringing, 89161111111: answered, 89162222222: answered")
		o.wantReport("1 of 7; missing: Boris (102): busy, 103: declined, 104: ringing, 105: ringing, 89161111111: answered, 89162222222: answered")
		time.Sleep(time.Minute)
		o.wantReport("3 of 7; missing: Boris (102): busy, 103: declined, 104: no answer, 89161111111: no-accept")
		o.wantLog(`0s INVITE 101@pbx
			0s INVITE 102@pbx
			0s INVITE 103@pbx
			0s INVITE 104@pbx
			0s INVITE 105@pbx
			0s INVITE 89161111111@carrier
			0s INVITE 89162222222@carrier
			2s 101@pbx is in
			5s 105@pbx is in
			7s 89162222222@carrier is in
			14s 89161111111@carrier is no-accept
			14s BYE 89161111111@carrier: no-accept
			20s CANCEL 104@pbx: no answer`)

		// Pressed again: those who are missing alone.
		o.phone("102").rings(0).answers(time.Second)
		o.phone("103").rings(0).answers(time.Second)
		o.calls[0].Hangup("bye") // Anna has gone meanwhile
		o.wantReport("2 of 7; missing: Anna (101): left, Boris (102): busy, 103: declined, 104: no answer, 89161111111: no-accept")
		if n, err := o.groups.Missing(context.Background(), conference("12"), by("12")); n != 5 || err != nil {
			t.Errorf("%d are called, %v", n, err)
		}
		o.press(0) // and while they are called, nobody is
		time.Sleep(time.Minute)
		o.wantReport("5 of 7; missing: 104: no answer, 89161111111: no-accept")
		if got := o.changes[len(o.changes)-1]; got != "104: no answer" {
			t.Errorf("the last that was told is %s", got)
		}
	})
}

func TestWhoNeedNotBeCalled(t *testing.T) {
	cfg := pbx()
	cfg.Rules.Prefixes = []string{"7", "8"}
	gathering(t, cfg, GroupsConfig{}, func(o *office) {
		for i := range 10 {
			o.phone(fmt.Sprint(100 + i)).rings(0).answers(5 * time.Second)
		}
		o.phone("89161234567").rings(0).answers(5 * time.Second)
		o.enters("1-01")
		o.enters("12")
		o.list("100", "101", "102", "1 02", "103", "12", "", "103,104", "8 (916) 123-45-67", "+79161234567", " , ", "105")
		var done sync.WaitGroup
		done.Go(func() { // somebody in the room dials 105 himself
			o.wantDial(o.dialer, Request{Room: conference("12"), Caller: "101", Number: "105"}, "queued, trying, ringing, answered on 105@pbx: straight")
		})
		time.Sleep(time.Second)
		o.press(5)
		o.wantStates("101: in, 102: ringing, 103: ringing, 12: in, 103,104: failed: already being called, " +
			"8 (916) 123-45-67: ringing, 105: failed: already being called")
		done.Wait()
		o.calls[0].Hangup("wrong number")
		time.Sleep(time.Minute)
		o.wantReport("6 of 7; missing: 105: failed: already being called")
		if len(o.sent) != 4 {
			t.Errorf("%d INVITEs", len(o.sent))
		}
	})
}

// TestTheListsOrderCounts: of two members with a number in common he is called who stands first.
func TestTheListsOrderCounts(t *testing.T) {
	gathering(t, pbx(), GroupsConfig{}, func(o *office) {
		var list []string
		for i := range 30 {
			list = append(list, fmt.Sprint(100+i))
			o.phone(fmt.Sprint(100 + i)).rings(0)
		}
		for i := range 30 {
			list = append(list, fmt.Sprintf("%d,%d", 100+i, 200+i))
		}
		o.list("100", list...)
		o.press(60)
		synctest.Wait()
		for i, m := range o.groups.States(conference("12"))[0].Members {
			if want := map[bool]Outcome{true: {State: Ringing}, false: failed(AlreadyCalled)}[i < 30]; m.Outcome != want {
				t.Errorf("%v; want %v", m, want)
			}
		}
	})
}

func TestOthersInTheSameMoment(t *testing.T) {
	gathering(t, pbx(), GroupsConfig{}, func(o *office) {
		o.list("100", "101", "102")
		o.list("200", "102", "103")
		for _, number := range []string{"101", "102", "103"} {
			o.phone(number).rings(0).answers(5 * time.Second)
		}
		var called [20]int
		var done sync.WaitGroup
		for i := range called { // many press the same key, and another group has a member in common
			done.Go(func() {
				called[i], _ = o.groups.Call(context.Background(), conference("12"), []string{"100", "200"}[i%2], by("12"))
			})
		}
		done.Wait()
		time.Sleep(time.Minute)
		o.wantReport("3 of 3")
		if len(o.sent) != 3 {
			t.Errorf("%d INVITEs", len(o.sent))
		}
	})
}

func TestAMemberOfTwoGroupsIsSoughtOnce(t *testing.T) {
	gathering(t, pbx(), GroupsConfig{}, func(o *office) {
		o.list("100", "101,102")
		o.list("200", "Anna 101,102", "103,102")
		o.phone("101").fails(time.Second, 486)
		o.phone("102").rings(0).answers(5 * time.Second)
		o.phone("103").fails(time.Second, 486)
		o.press(1)
		time.Sleep(2 * time.Second)     // now the second number rings
		o.pressed("12", "200", "12", 1) // Anna is being sought; another member is not she
		time.Sleep(500 * time.Millisecond)
		if got := o.groups.States(conference("12"))[1].Members[0].String(); got != "Anna (101,102): failed: already being called" {
			t.Errorf("in the second group: %s", got)
		}
		time.Sleep(time.Minute)
		o.wantReport("2 of 2")
		o.wantLog(`0s INVITE 101@pbx
			1s INVITE 102@pbx
			2s INVITE 103@pbx
			6s 102@pbx is in`)
	})
}

// Who has pressed the key takes his call over to another phone: it is that one which he leaves by.
func TestTheCallerMoves(t *testing.T) {
	gathering(t, pbx(), GroupsConfig{EndsWithCaller: true}, func(o *office) {
		o.list("100", "101")
		o.phone("101").rings(0).answers(20 * time.Second)
		o.press(1)
		time.Sleep(time.Second)
		o.groups.CallerMoved(by("12").Call, "his mobile")
		o.groups.CallerMoved("somebody else's", "x")
		o.groups.CallerLeft(by("12").Call)
		synctest.Wait()
		o.wantReport("0 of 1; missing: 101: ringing")
		o.groups.CallerLeft("his mobile")
		synctest.Wait()
		o.wantReport("0 of 1; missing: 101: cancelled")
	})
}

func TestWhoComesByHimselfIsNotRung(t *testing.T) {
	gathering(t, pbx(), GroupsConfig{}, func(o *office) {
		o.list("100", "101,104", "102", "103")
		o.phone("101").rings(0)
		o.phone("102").answers(0)
		o.phone("103").rings(0).answers(2 * time.Second)
		o.press(3)
		time.Sleep(time.Second)
		o.enters("101")
		o.groups.Arrived(conference("12"), "1-01")
		o.groups.Arrived(conference("12"), "102") // who is in is left alone, and so is who is in another room
		o.groups.Arrived(conference("77"), "103")
		time.Sleep(time.Minute)
		o.wantReport("3 of 3")
		o.wantLog(`0s INVITE 101@pbx
			0s INVITE 102@pbx
			0s INVITE 103@pbx
			0s 102@pbx is in
			1s CANCEL 101@pbx: answered elsewhere
			2s 103@pbx is in`)
		o.leaves("101")
		o.wantReport("2 of 3; missing: 101,104: left")
	})
}

func TestWhoIsReceivedIsNotDisturbedByHisArrival(t *testing.T) {
	gathering(t, Config{Trunks: two().Trunks[1:]}, GroupsConfig{}, func(o *office) {
		o.list("100", "101")
		o.phone("101").answers(0)
		o.presses["101"] = 2 * time.Second
		o.press(1)
		time.Sleep(time.Second)
		o.groups.Arrived(conference("12"), "101") // the roster may know of him before the ante-room has ended
		time.Sleep(time.Minute)
		o.wantLog("0s INVITE 101@carrier\n2s 101@carrier is in")
	})
}

func TestTheStore(t *testing.T) {
	gathering(t, pbx(), GroupsConfig{}, func(o *office) {
		if n, err := o.groups.Call(context.Background(), conference("12"), "100", by("12")); n != 0 || !errors.Is(err, ErrNoGroup) || errors.Is(err, ErrStoreDown) {
			t.Errorf("no such group: %d, %v", n, err)
		}
		o.list("100", "101", "102")
		o.list("200", "103")
		broken := errors.New("connection refused")
		o.down = broken
		if n, err := o.groups.Call(context.Background(), conference("12"), "100", by("12")); n != 0 || !errors.Is(err, ErrStoreDown) || !errors.Is(err, broken) {
			t.Errorf("no store: %d, %v", n, err)
		}
		o.down = nil
		ctx, hangUp := context.WithCancel(context.Background())
		hangUp()
		for _, o.down = range []error{nil, context.Canceled} {
			if n, err := o.groups.Call(ctx, conference("12"), "100", by("12")); n != 0 || !errors.Is(err, context.Canceled) || errors.Is(err, ErrStoreDown) {
				t.Errorf("who has hung up: %d, %v", n, err)
			}
		}
		o.down = nil

		// What is changed in the list is seen when the key is pressed again.
		o.phone("101").answers(0)
		o.phone("102").rings(0).fails(5*time.Second, 486)
		o.phone("103").answers(0)
		o.phone("104").rings(0).answers(time.Second)
		o.press(2)
		o.pressed("12", "200", "12", 1)
		synctest.Wait()
		o.list("100", "Anna 101", "104")
		o.press(1)
		o.wantStates("Anna (101): in, 104: ringing, 102: ringing") // who rings is not forgotten
		delete(o.lists, "200")
		time.Sleep(time.Minute)
		n, err := o.groups.Missing(context.Background(), conference("12"), by("12"))
		if n != 0 || !errors.Is(err, ErrNoGroup) {
			t.Errorf("a group that has gone: %d, %v", n, err)
		}
		o.wantStates("Anna (101): in, 104: in")
		o.groups.Close()
		if _, err := o.groups.Call(context.Background(), conference("12"), "100", by("12")); !errors.Is(err, ErrClosed) {
			t.Errorf("closed: %v", err)
		}
	})
}

// TestTheNumbersOfAMember: as they stand in his row.
func TestTheNumbersOfAMember(t *testing.T) {
	for extension, want := range map[string][]string{
		"101": {"101"}, "101, 8 916 1234567 straight,,9": {"101", "8 916 1234567", "9"}, " , 8 916 1234567 press-1,101": {"8 916 1234567", "101"},
		"": nil, " ,-": nil,
	} {
		m := Member{Extension: extension}
		if got := m.Numbers(); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", extension, got, want)
		}
		if got := m.First(); len(want) > 0 && got != want[0] || len(want) == 0 && got != "" {
			t.Errorf("%q: the first is %q, want that of %q", extension, got, want)
		}
	}
}

// TestTheStoreIsBack: the key that calls those who are missing calls all of them.
func TestTheStoreIsBack(t *testing.T) {
	gathering(t, pbx(), GroupsConfig{}, func(o *office) {
		o.list("100", "101")
		o.phone("101").answers(0)
		o.down = errors.New("connection refused")
		if _, err := o.groups.Call(context.Background(), conference("12"), "100", by("12")); !errors.Is(err, ErrStoreDown) {
			t.Errorf("no store: %v", err)
		}
		if n, err := o.groups.Missing(context.Background(), conference("12"), by("12")); n != 0 || !errors.Is(err, ErrStoreDown) {
			t.Errorf("still no store: %d, %v", n, err)
		}
		o.down = nil
		if n, err := o.groups.Missing(context.Background(), conference("12"), by("12")); n != 1 || err != nil {
			t.Errorf("the store is back: %d, %v", n, err)
		}
		time.Sleep(time.Second)
		o.wantReport("1 of 1")
	})
}

func TestMoreMembersThanLines(t *testing.T) {
	cfg := pbx()
	cfg.Trunks[0].MaxCalls = 3
	gathering(t, cfg, GroupsConfig{Wait: 25 * time.Second}, func(o *office) {
		var members []string
		for i := range 12 {
			number := fmt.Sprint(101 + i)
			members = append(members, number)
			o.phone(number).rings(0).fails(10*time.Second, 486)
		}
		o.list("100", members...)
		o.press(12)
		synctest.Wait()
		if s := o.dialer.Stats(); s.Trunks[0].Calls != 3 || s.Waiting != 9 {
			t.Errorf("figures: %+v", s)
		}
		time.Sleep(time.Minute)
		if got := o.dialer.Stats().Outcomes; got[Outcome{State: Busy, Code: 486}] != 9 || got[failed(NoLine)] != 3 {
			t.Errorf("outcomes: %v", got)
		}
	})
}

// TestTenGroupsOfAHundred: with pacing off all phones ring at once.
func TestTenGroupsOfAHundred(t *testing.T) {
	gathering(t, pbx(), GroupsConfig{}, func(o *office) {
		for group := range 10 {
			var members []string
			for i := range 100 {
				number := fmt.Sprintf("%d%02d", 10+group, i)
				members = append(members, number)
				o.phone(number).tries(100 * time.Millisecond).rings(time.Second).answers(time.Duration(i) * time.Second / 10)
			}
			o.list(fmt.Sprint(group), members...)
		}
		var done sync.WaitGroup
		for group := range 10 {
			done.Go(func() { o.pressed(fmt.Sprint("room", group), fmt.Sprint(group), "12", 100) })
		}
		done.Wait()
		time.Sleep(1100 * time.Millisecond)
		synctest.Wait()
		ringing := 0
		for group := range 10 {
			for _, m := range o.groups.States(conference(fmt.Sprint("room", group)))[0].Members {
				if m.State == Ringing || m.State == In {
					ringing++
				}
			}
		}
		if ringing != 1000 {
			t.Errorf("%d of 1000 ring", ringing)
		}
		time.Sleep(time.Minute)
		if got := len(o.live()); got != 1000 {
			t.Errorf("%d of 1000 are in", got)
		}
	})
}
