package dialout

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Colleagues cost nothing: they may be called together as often as the key is pressed.
func TestColleaguesDoNotCountForTheDay(t *testing.T) {
	cfg := two()
	cfg.Trunks[0].Numbers = []string{"_1XX"}
	cfg.Limits = Limits{RoomDaily: 2, CallerDaily: 2}
	gathering(t, cfg, GroupsConfig{}, func(o *office) {
		o.list("100", "101", "102", "103")
		for _, number := range []string{"101", "102", "103", "555"} {
			o.phone(number).fails(0, 486)
		}
		for range 3 {
			o.press(3)
			o.wantReport("0 of 3; missing: 101: busy, 102: busy, 103: busy")
		}
		req := Request{Room: conference("12"), Caller: "12", Number: "555"}
		o.wantDial(o.dialer, req, "queued, trying, busy")
		o.wantDial(o.dialer, req, "queued, trying, busy")
		o.wantDial(o.dialer, req, "queued, failed: the room's calls of today")
		o.press(3)
		o.wantReport("0 of 3; missing: 101: busy, 102: busy, 103: busy")
	})
}

// Of five who are no colleagues today's limits let three be called: that many are said to be, and the others come out of the report. When
// nobody is left whom they let be called, that is what the caller hears.
func TestOnlyThoseAreSaidToBeCalledWhoAre(t *testing.T) {
	cfg := outside()
	cfg.Limits.RoomDaily = 3
	gathering(t, cfg, GroupsConfig{}, func(o *office) {
		o.list("100", "101,102", "103", "104", "105", "106")
		for number := 101; number <= 106; number++ {
			o.phone(fmt.Sprint(number)).fails(time.Second, 603)
		}
		o.press(3)
		time.Sleep(time.Minute)
		o.wantReport("0 of 5; missing: 101,102: declined, 103: declined, 104: declined, " +
			"105: failed: the room's calls of today, 106: failed: the room's calls of today")
		for range 2 {
			if n, err := o.groups.Call(context.Background(), conference("12"), "100", by("12")); n != 0 || !errors.Is(err, ErrLimit) {
				t.Errorf("%d, %v", n, err)
			}
			synctest.Wait()
			if n, err := o.groups.Missing(context.Background(), conference("12"), by("12")); n != 0 || !errors.Is(err, ErrLimit) {
				t.Errorf("%d, %v", n, err)
			}
			synctest.Wait()
		}
		o.pressed("77", "100", "12", 3) // another room
	})
}

// Whoever calls, and into whatever room, the trunk has so many calls a day; then the next trunk is taken, and then none.
func TestATrunkHasSoManyCallsADay(t *testing.T) {
	cfg := two()
	cfg.Location = time.UTC
	cfg.Trunks[0].MaxDaily, cfg.Trunks[1].MaxDaily = 2, 1
	within(t, cfg, func(x *exchange, d *Dialer) {
		call := func(i int, want string) {
			t.Helper()
			number := fmt.Sprint(100 + i)
			x.phone(number).fails(0, 486)
			x.wantDial(d, Request{Room: conference(fmt.Sprint("room", i)), Caller: fmt.Sprint("12", i), Number: number}, want)
		}
		for i := range 3 {
			call(i, "queued, trying, busy")
		}
		x.wantLog("0s INVITE 100@pbx\n0s INVITE 101@pbx\n0s INVITE 102@carrier")
		call(3, "queued, failed: the trunk's calls of today")
		if s := d.Stats(); s.Trunks[0].Today != 2 || s.Trunks[0].MaxDaily != 2 || s.Trunks[1].Today != 1 {
			t.Errorf("figures: %+v", s.Trunks)
		}
		time.Sleep(24 * time.Hour)
		if s := d.Stats(); s.Trunks[0].Today != 0 {
			t.Errorf("figures: %+v", s.Trunks)
		}
		call(4, "queued, trying, busy")
	})
	cfg.Trunks[0].MaxDaily = -1
	if err := cfg.Check(); err == nil || err.Error() != `trunks[0].max_daily "-1": write how many calls it may have in a day, or 0 for any number` {
		t.Error(err)
	}
}

// Who waits for a line in vain, because the last call of today is being made, does not wait any longer.
func TestNobodyWaitsForTomorrow(t *testing.T) {
	cfg := outside()
	cfg.Trunks[0].MaxCalls, cfg.Trunks[0].MaxDaily = 1, 2
	gathering(t, cfg, GroupsConfig{}, func(o *office) {
		o.list("100", "101", "102", "103")
		for number := 101; number <= 103; number++ {
			o.phone(fmt.Sprint(number)).rings(0).fails(10*time.Second, 486)
		}
		o.press(2)
		time.Sleep(11 * time.Second)
		o.wantStates("101: busy, 102: ringing, 103: failed: the trunk's calls of today")
	})
}

// Those who wait for a line are not called yet, and so they do not count as such; and a place among those who may be called at once is waited
// for as a line is.
func TestMembersWaitForTheLimitAsForALine(t *testing.T) {
	for _, c := range []struct{ lines, atOnce int }{{2, 3}, {0, 2}} {
		cfg := pbx()
		cfg.Trunks[0].MaxCalls = c.lines
		cfg.Limits.RoomAtOnce = c.atOnce
		gathering(t, cfg, GroupsConfig{}, func(o *office) {
			o.list("100", "101", "102", "103", "104", "105", "106")
			for number := 101; number <= 106; number++ {
				o.phone(fmt.Sprint(number)).rings(0).fails(10*time.Second, 486)
			}
			o.press(6)
			synctest.Wait()
			if s := o.dialer.Stats(); s.Waiting != 4 || s.Usage.Rooms["12"].Now != 2 {
				t.Errorf("%d wait, %+v", s.Waiting, s.Usage)
			}
			o.wantDial(o.dialer, Request{Room: conference("12"), Caller: "12", Number: "555"}, map[int]string{
				2: "queued, failed: all lines are in use", 0: "queued, failed: the room calls too many",
			}[c.lines])
			time.Sleep(31 * time.Second)
			o.wantReport("0 of 6; missing: 101: busy, 102: busy, 103: busy, 104: busy, 105: busy, 106: busy")
			o.wantLog(`0s INVITE 101@pbx
				0s INVITE 102@pbx
				10s INVITE 103@pbx
				10s INVITE 104@pbx
				20s INVITE 105@pbx
				20s INVITE 106@pbx`)
		})
	}
}

// Two talk, and no more may; the third waits for a minute.
func TestTheLimitIsNotWaitedForForEver(t *testing.T) {
	cfg := pbx()
	cfg.Limits.RoomAtOnce = 2
	gathering(t, cfg, GroupsConfig{}, func(o *office) {
		o.list("100", "101", "102", "103")
		o.phone("101").answers(0)
		o.phone("102").answers(0)
		o.press(3)
		time.Sleep(59 * time.Second)
		o.wantStates("101: in, 102: in, 103: queued")
		time.Sleep(time.Second)
		o.wantStates("101: in, 102: in, 103: failed: the room calls too many")
	})
}

// Who is cancelled while he waits for the trunk's pace was not dialled: it takes nothing of the day, of the trunk's, the room's or the caller's.
// What was sent before over another trunk stays counted, and what was dialled since midnight does if that has passed meanwhile.
func TestWhatWasNotSentDoesNotCountForTheDay(t *testing.T) {
	cfg := two()
	cfg.Location = time.UTC
	for i := range cfg.Trunks {
		cfg.Trunks[i].Internal, cfg.Trunks[i].MaxDaily = false, 20
	}
	cfg.Trunks[1].Rate = 0.1
	wantToday := func(t *testing.T, d *Dialer, pbx, carrier, room int) {
		t.Helper()
		u := d.Stats().Usage
		if u.Trunks["pbx"] != pbx || u.Trunks["carrier"] != carrier || u.Rooms["5234"] != (Count{Today: room}) || u.Callers["12"] != (Count{Today: room}) {
			t.Errorf("counted %+v; want %d, %d, %d", u, pbx, carrier, room)
		}
	}
	within(t, cfg, func(x *exchange, d *Dialer) {
		all := func(trunk string, n int) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			var dials sync.WaitGroup
			for i := range n {
				req := into(fmt.Sprint(100 + i))
				req.Trunk = trunk
				x.phone(req.Number).rings(0)
				x.phone(req.Number+"@pbx").fails(0, 500)
				dials.Go(func() { x.dialWith(ctx, d, req) })
			}
			dials.Wait()
		}
		all("carrier", 10)
		wantToday(t, d, 0, 1, 1)
		all("", 3) // all of them over pbx first, and none of them over carrier, whose next turn is at 10 s
		wantToday(t, d, 3, 1, 4)

		time.Sleep(24*time.Hour - 2500*time.Millisecond)
		var night sync.WaitGroup
		night.Go(func() { all("carrier", 2) }) // half a second before midnight: one rings and one waits while it passes
		time.Sleep(750 * time.Millisecond)
		x.phone("555").fails(0, 486)
		x.wantDial(d, into("555"), "queued, trying, busy")
		night.Wait()
		wantToday(t, d, 1, 0, 1)
	})
}
