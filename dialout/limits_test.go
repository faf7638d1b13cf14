package dialout

import (
	"cmp"
	"fmt"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func TestLimits(t *testing.T) {
	cfg := outside()
	cfg.Location = time.FixedZone("MSK", 3*60*60) // midnight is at 21:00 UTC; the test begins at 00:00 UTC
	cfg.Limits = Limits{RoomAtOnce: 2, CallerAtOnce: 3, RoomDaily: 4, CallerDaily: 6}
	within(t, cfg, func(x *exchange, d *Dialer) {
		for i := range 20 {
			x.phone(fmt.Sprint(100 + i)).answers(0)
		}
		from := func(room, caller string, number int) Request {
			return Request{Room: conference(room), Caller: caller, Number: fmt.Sprint(number)}
		}
		const good = "queued, trying, answered on %d@pbx: press-1"
		can := func(room, caller string, number int) {
			t.Helper()
			x.wantDial(d, from(room, caller, number), fmt.Sprintf(good, number))
		}
		can("1", "12", 101)
		can("1", "1-2", 102)
		x.wantDial(d, from("1", "13", 103), "queued, failed: the room calls too many")
		can("2", "12", 103)
		x.wantDial(d, from("2", "12", 104), "queued, failed: the caller calls too many")
		for _, c := range x.calls {
			c.Hangup("bye")
		}
		synctest.Wait()
		can("1", "13", 101)
		can("1", "13", 102)
		for _, c := range x.calls {
			c.Hangup("bye")
		}
		synctest.Wait()
		x.wantDial(d, from("1", "14", 105), "queued, failed: the room's calls of today")
		can("3", "12", 106)
		can("3", "12", 107)
		for _, c := range x.calls[:6] {
			c.Hangup("bye")
		}
		synctest.Wait()
		can("4", "12", 108)
		x.calls[7].Hangup("bye")
		synctest.Wait()
		x.wantDial(d, from("5", "12", 109), "queued, failed: the caller's calls of today")
		x.wantDial(d, from("6", "12", 101_000_000_000), "failed: too many digits") // what is refused does not count

		time.Sleep(21*time.Hour - time.Second)
		x.wantDial(d, from("5", "12", 109), "queued, failed: the caller's calls of today")
		time.Sleep(time.Second)
		synctest.Wait()
		can("5", "12", 109)
		can("1", "12", 110)
		// 107 has talked all the time and counts for now, but not for today.
		if got := d.Stats().Usage; got.Callers["12"] != (Count{Now: 3, Today: 2}) || got.Rooms["3"] != (Count{Now: 1}) || got.Rooms["4"] != (Count{}) {
			t.Errorf("usage: %+v", got)
		}
	})
}

// TestLimitsAgainstAModel holds the counters to a list of dial-outs that is counted anew each time.
func TestLimitsAgainstAModel(t *testing.T) {
	type dialled struct {
		room   string
		caller Key
		day    int
		over   bool
	}
	rapid.Check(t, func(t *rapid.T) {
		small := rapid.IntRange(0, 4)
		limits := Limits{small.Draw(t, "room"), small.Draw(t, "caller"), small.Draw(t, "room daily"), small.Draw(t, "caller daily")}
		var usage Usage
		var all []*dialled
		day := 0
		name := func() string { return fmt.Sprint("day ", day) }
		count := func(those func(*dialled) bool) (n int) {
			for _, one := range all {
				if those(one) {
					n++
				}
			}
			return n
		}
		t.Repeat(map[string]func(*rapid.T){
			"dial": func(t *rapid.T) {
				room := rapid.SampledFrom([]string{"1", "2", "3"}).Draw(t, "room")
				caller := Key(rapid.SampledFrom([]string{"", "12", "13"}).Draw(t, "caller"))
				var want Cause
				switch {
				case limits.RoomAtOnce > 0 && count(func(o *dialled) bool { return o.room == room && !o.over }) >= limits.RoomAtOnce:
					want = RoomAtOnce
				case limits.CallerAtOnce > 0 && count(func(o *dialled) bool { return o.caller == caller && !o.over }) >= limits.CallerAtOnce:
					want = CallerAtOnce
				case limits.RoomDaily > 0 && count(func(o *dialled) bool { return o.room == room && o.day == day }) >= limits.RoomDaily:
					want = RoomDaily
				case limits.CallerDaily > 0 && count(func(o *dialled) bool { return o.caller == caller && o.day == day }) >= limits.CallerDaily:
					want = CallerDaily
				default:
					all = append(all, &dialled{room: room, caller: caller, day: day})
				}
				usage.turn(name())
				got := cmp.Or(usage.now(room, caller, limits), usage.today(room, caller, limits))
				if got != want {
					t.Fatalf("room %s, caller %q: %q, want %q", room, caller, got, want)
				}
				if got == "" {
					usage.begin(room, caller)
					usage.spend(room, caller, 1)
				}
			},
			"end": func(t *rapid.T) {
				for _, one := range all {
					if !one.over {
						one.over = true
						usage.end(one.room, one.caller)
						return
					}
				}
				t.Skip("nobody talks")
			},
			"midnight": func(t *rapid.T) { day++ },
			"another process": func(t *rapid.T) {
				usage = usage.resting()
				for _, one := range all {
					if !one.over {
						usage.turn(name())
						usage.begin(one.room, one.caller)
					}
				}
			},
			"": func(t *rapid.T) {
				usage.turn(name())
				rooms, callers := map[string]Count{}, map[Key]Count{}
				for _, one := range all {
					r, c := rooms[one.room], callers[one.caller]
					if !one.over {
						r.Now++
						c.Now++
					}
					if one.day == day {
						r.Today++
						c.Today++
					}
					rooms[one.room], callers[one.caller] = r, c
				}
				maps.DeleteFunc(rooms, func(_ string, c Count) bool { return c == Count{} })
				maps.DeleteFunc(callers, func(_ Key, c Count) bool { return c == Count{} })
				if !maps.Equal(usage.Rooms, rooms) || !maps.Equal(usage.Callers, callers) {
					t.Fatalf("counted %v %v, want %v %v", usage.Rooms, usage.Callers, rooms, callers)
				}
			},
		})
	})
}

// A link is dialled again and again for as long as there are people in its room: what limits people does not limit it, and it takes nothing from
// what they may do. Only its trunk's lines are its, too.
func TestLinksAreNotLimitedAsPeopleAre(t *testing.T) {
	cfg := outside()
	cfg.Trunks[0].MaxCalls = 2
	cfg.Limits = Limits{RoomAtOnce: 1, CallerAtOnce: 1, RoomDaily: 1, CallerDaily: 1}
	within(t, cfg, func(x *exchange, d *Dialer) {
		for i := range 5 {
			x.phone(fmt.Sprint(100 + i)).answers(0)
		}
		link := func(number int) Request {
			return Request{Room: conference("1"), Number: fmt.Sprint(number), Policy: Straight, Link: true}
		}
		for range 3 {
			x.wantDial(d, link(100), "queued, trying, answered on 100@pbx: straight")
			x.calls[len(x.calls)-1].Hangup("bye")
			synctest.Wait()
		}
		x.wantDial(d, link(100), "queued, trying, answered on 100@pbx: straight")
		x.wantDial(d, Request{Room: conference("1"), Number: "101"}, "queued, trying, answered on 101@pbx: press-1")
		if got := d.Stats().Usage.Rooms["1"]; got != (Count{Now: 1, Today: 1}) {
			t.Errorf("the room's counts: %+v", got)
		}
		x.wantDial(d, link(102), "queued, failed: all lines are in use")
		for _, c := range x.calls {
			c.Hangup("bye")
		}
		synctest.Wait()
		if got := d.Stats().Usage.Rooms["1"]; got != (Count{Today: 1}) {
			t.Errorf("the room's counts when all have hung up: %+v", got)
		}
	})
}
