package dialout

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Something of ours breaks while one member is called, or received, or told of: he has failed, with a line in the log that says where, and
// the others are in.
func TestAPanicEndsOneMembersCallOnly(t *testing.T) {
	var log panicLog
	cfg := pbx()
	cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	cfg.Trunks[0].MaxCalls = 4
	gathering(t, cfg, GroupsConfig{}, func(o *office) {
		receive := o.groups.config.Receive
		o.groups.config.Receive = func(ctx context.Context, guest Guest) State {
			if guest.Number == "102" {
				panic("no chair for 102")
			}
			return receive(ctx, guest)
		}
		o.list("100", "101", "102", "103", "104")
		o.phone("101").answers(0)
		o.phone("102").answers(0)
		o.phone("104").rings(0).answers(time.Second)
		o.phone("103").then(step{panics: "no line for 103"})
		o.press(4)
		time.Sleep(2 * time.Second)
		o.wantReport("2 of 4; missing: 102: failed: error, 103: failed: error")
		if s := o.dialer.Stats(); s.Panics != 2 || s.Trunks[0].Calls != 2 || s.Dials != 0 {
			t.Errorf("figures: %+v", s)
		}
		for _, want := range []string{"no chair for 102", "no line for 103", "guard_test.go", "harness_test.go"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log does not say %q:\n%s", want, log.String())
			}
		}
	})
}

// Who watches a dial-out, who keeps the seats and who is told of changes may break as well, and the probe.
func TestAPanicOfThoseWhoAreAsked(t *testing.T) {
	cfg := pbx()
	cfg.Reserve = func(room Room, _ Sitter) (Seat, error) {
		if room.Number == "7777" {
			panic("no such chair")
		}
		return new(chair), nil
	}
	within(t, cfg, func(x *exchange, d *Dialer) {
		x.phone("101").rings(0).fails(0, 486)
		if r := d.Dial(context.Background(), into("101"), func(Change) { panic("I am told too much") }); r.State != Busy {
			t.Error(r.Outcome)
		}
		nowhere := into("101")
		nowhere.Room = conference("7777")
		x.wantDial(d, nowhere, "queued, failed: error")
		if s := d.Stats(); s.Panics != 5 || s.Trunks[0].Calls != 0 || s.Dials != 0 || len(s.Usage.Rooms) != 0 {
			t.Errorf("figures: %+v", s)
		}
		g := NewGroups(GroupsConfig{Dialer: d, Store: storeOf{"101"}, OnChange: func(GroupChange) { panic("I am told too much") }})
		if n, err := g.Call(context.Background(), conference("5234"), "100", by("12")); n != 1 || err != nil {
			t.Error(n, err)
		}
		synctest.Wait()
		if got := g.Report(conference("5234")).String(); got != "0 of 1; missing: 101: busy" {
			t.Error(got)
		}
		g.Close()
	})
}

// storeOf is a store of one group.
type storeOf []string

func (s storeOf) Members(context.Context, string) (list []Member, err error) {
	for _, extension := range s {
		list = append(list, Member{Extension: extension})
	}
	return list, nil
}

type panicLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *panicLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *panicLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
