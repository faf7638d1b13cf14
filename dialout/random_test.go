package dialout

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// TestNeverTwoCallsToOneMember lets anything happen in any order: members with alternate numbers in two
// groups, phones that do whatever phones do, people who press, give up, hang up, come by themselves
// and end the room, and processes that take over from each other. The exchange and the office watch that no number is rung twice for a room, and that
// no member is received twice; here it is watched that he is never called twice at all, where his numbers
// do not ring together, and that whoever is on a call is in.
func TestNeverTwoCallsToOneMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(struct{ *testing.T }{t}, func(t *rapid.T) { // rapid must not ask a T in fake time for its deadline
			newAffair(t).happens()
		})
	})
}

// affair is one random course of things.
type affair struct {
	*rapid.T
	office   *office
	cfg      Config
	groups   GroupsConfig
	seats    *chairs
	total    int  // of them
	together bool // the numbers of a member may ring together
}

func newAffair(t *rapid.T) *affair {
	cfg := two()
	cfg.Ring = 10 * time.Second
	cfg.Trunks[0].MaxCalls = rapid.IntRange(0, 4).Draw(t, "lines")
	cfg.Trunks[0].Rate = rapid.SampledFrom([]float64{0, 0, 2}).Draw(t, "pace")
	cfg.Limits.RoomAtOnce = rapid.SampledFrom([]int{0, 0, 3}).Draw(t, "limit")
	groups := GroupsConfig{
		NextAfter: rapid.SampledFrom([]time.Duration{0, 0, 2 * time.Second}).Draw(t, "next after"),
		Wait:      rapid.SampledFrom([]time.Duration{time.Second, 20 * time.Second}).Draw(t, "wait"),
	}
	cfg.Trunks[1].MaxDaily = rapid.SampledFrom([]int{0, 0, 4}).Draw(t, "daily")
	total := rapid.SampledFrom([]int{100, 2}).Draw(t, "seats")
	seats := &chairs{free: total}
	cfg.Reserve = seats.reserve
	x := newExchange(t)
	cfg.Inviter, cfg.Present = x.desk(), x.present
	d, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	a := &affair{T: t, office: newOffice(x, d, groups), cfg: cfg, groups: groups, seats: seats, total: total, together: groups.NextAfter > 0}
	x.onInvite = a.invited
	members := []string{"10,11,12", "20", "30,31", "40,41"}
	a.office.list("100", members...)
	a.office.list("200", members[1:]...)
	for _, number := range strings.Split(strings.Join(members, ","), ",") {
		a.behaves(number)
	}
	return a
}

// behaves makes a phone that does something.
func (a *affair) behaves(number string) {
	seconds := func(what string) time.Duration {
		return time.Duration(rapid.IntRange(0, 12).Draw(a.T, what)) * time.Second
	}
	p := a.office.phone(number)
	p.crosses = rapid.Bool().Draw(a.T, number+" crosses")
	p.slow = rapid.SampledFrom([]time.Duration{0, 0, time.Second}).Draw(a.T, number+" is slow")
	switch rapid.SampledFrom([]string{"silent", "rings", "answers", "answers", "busy", "congested", "moved", "declines"}).Draw(a.T, number) {
	case "rings":
		p.rings(0)
	case "answers":
		p.rings(0).answers(seconds("answers after"))
		if rapid.Bool().Draw(a.T, "presses") {
			a.office.mu.Lock()
			a.office.presses[number] = seconds("presses after")
			a.office.mu.Unlock()
		}
	case "busy":
		p.fails(seconds("busy after"), 486)
	case "congested":
		p.congested(seconds("retry after"))
	case "moved":
		p.moved(rapid.SampledFrom([]string{"20", "77"}).Draw(a.T, "moved to"))
	case "declines":
		p.rings(0).fails(seconds("declines after"), 603)
	}
}

// invited watches that no other number of that member, which begins with the same digit, is being called into
// the room. The exchange's lock is held.
func (a *affair) invited(to Attempt) {
	if a.together {
		return
	}
	for place, n := range a.office.wanted {
		room, number, _ := strings.Cut(place, " ")
		if n > 0 && room == to.Room && number[0] == to.Number[0] {
			a.Errorf("%s is called into room %s while %s is", to.Number, room, number)
		}
	}
}

// happens lets it happen.
func (a *affair) happens() {
	o := a.office
	defer func() { // also when it went wrong: nothing may be left in fake time
		o.groups.Close()
		o.dialer.Close()
	}()
	room := func(t *rapid.T) Room { return conference(rapid.SampledFrom([]string{"1", "2"}).Draw(t, "room")) }
	a.Repeat(map[string]func(*rapid.T){
		"press": func(t *rapid.T) {
			group := rapid.SampledFrom([]string{"100", "200"}).Draw(t, "group")
			if _, err := o.groups.Call(context.Background(), room(t), group, by(rapid.SampledFrom([]string{"20", "90"}).Draw(t, "caller"))); err != nil {
				t.Fatal(err)
			}
		},
		"missing": func(t *rapid.T) { o.groups.Missing(context.Background(), room(t), by("90")) },
		"time": func(t *rapid.T) {
			time.Sleep(time.Duration(rapid.IntRange(0, 20).Draw(t, "seconds")) * time.Second / 2)
		},
		"hand over": func(t *rapid.T) { // what rings is waited for, or not
			ctx, cancel := context.WithTimeout(context.Background(), rapid.SampledFrom([]time.Duration{0, time.Second, time.Minute}).Draw(t, "patience"))
			defer cancel()
			if rapid.Bool().Draw(t, "and goes on") {
				o.dialer.Pause(ctx)
				synctest.Wait()
				time.Sleep(time.Second)
				o.dialer.Resume()
				return
			}
			if o.dialer.Pause(ctx) == nil {
				o.handsOver(a.cfg, a.groups)
			}
		},
		"give up": func(t *rapid.T) { o.groups.GiveUp(by("90").Call) },
		"end room": func(t *rapid.T) {
			o.groups.EndRoom(room(t))
			synctest.Wait() // it does not wait for the CANCELs, and forgets whom it has called
		},
		"arrive": func(t *rapid.T) {
			number := rapid.SampledFrom([]string{"10", "31", "40"}).Draw(t, "number")
			o.enters(number)
			for _, room := range []string{"1", "2"} {
				o.groups.Arrived(conference(room), number)
			}
		},
		"go": func(t *rapid.T) { o.leaves(rapid.SampledFrom([]string{"10", "31", "40"}).Draw(t, "number")) },
		"hang up": func(t *rapid.T) {
			o.exchange.mu.Lock()
			calls := o.calls
			o.exchange.mu.Unlock()
			if len(calls) == 0 {
				t.Skip("nobody is on a call")
			}
			calls[rapid.IntRange(0, len(calls)-1).Draw(t, "call")].Hangup("bye")
		},
		"look": func(t *rapid.T) { // who is said to be in is in the roster, or on a call
			synctest.Wait()
			about := append(o.live(), o.present("")...)
			for _, room := range []string{"1", "2"} {
				for _, state := range o.groups.States(conference(room)) {
					for _, m := range state.Members {
						here := slices.ContainsFunc(about, func(n string) bool { return n[0] == m.Extension[0] || n[0] == '7' || n[0] == '2' })
						if m.State == In && m.Extension != "20" && !here {
							t.Fatalf("in room %s, group %s: %v; on calls and in the room: %v", room, state.Group, m, about)
						}
					}
				}
			}
		},
	})
	time.Sleep(5 * time.Minute) // whatever rings has had its time
	synctest.Wait()
	for _, room := range []string{"1", "2"} {
		for _, state := range o.groups.States(conference(room)) {
			for _, m := range state.Members {
				if m.State.UnderWay() {
					a.Errorf("in room %s, group %s, there is no end of %v", room, state.Group, m)
				}
			}
		}
	}
	o.groups.Close()
	o.wantTidy()
	o.dialer.Close()
	if s := o.dialer.Stats(); s.Trunks[0].Calls != 0 || s.Trunks[1].Calls != 0 {
		a.Errorf("lines are still in use: %+v", s.Trunks)
	} else if a.seats.free != a.total {
		a.Errorf("%d of %d seats are free again", a.seats.free, a.total)
	} else {
		for room, c := range s.Usage.Rooms {
			if c.Now != 0 {
				a.Errorf("room %s is still counted: %+v", room, c)
			}
		}
	}
}
