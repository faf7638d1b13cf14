package dialout

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestOurOwnMark(t *testing.T) {
	within(t, pbx(), func(x *exchange, d *Dialer) {
		x.phone("101").fails(0, 486)
		x.dial(d, into("101"))
		mark := x.sent[0].Mark
		if m := ReadMark(" " + mark); !d.Ours(m) || m.Room != "5234" || m.Link {
			t.Errorf("our mark %q is read as %+v", mark, m)
		}
		link := into("101")
		link.Link = true
		x.dial(d, link)
		if m := ReadMark(x.sent[1].Mark); !d.Ours(m) || m.Room != "5234" || !m.Link {
			t.Errorf("our link's mark %q is read as %+v", x.sent[1].Mark, m)
		}
		other, err := New(pbx())
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		for _, mark := range []string{Mark{Instance: other.Instance(), Room: "5234"}.String(), "", ";room=", d.instance, strings.ToUpper(mark)} {
			if d.Ours(ReadMark(mark)) {
				t.Errorf("the mark %q is ours", mark)
			}
		}
	})
}

// TestAnotherProcessGoesOn: the counts of today, the marks, the trunk's rest, and who holds a line.
func TestAnotherProcessGoesOn(t *testing.T) {
	cfg := two()
	cfg.Trunks[0].MaxCalls = 1
	cfg.Limits = Limits{RoomDaily: 3, CallerAtOnce: 2}
	cfg.Trunks[0].Internal = false // they count

	within(t, cfg, func(x *exchange, d *Dialer) {
		x.phone("101").answers(0)
		x.phone("102@carrier").congested(time.Minute)
		r := d.Dial(context.Background(), into("101"), nil)
		x.dial(d, into("102"))
		before := d.Stats()
		next := x.handOver(cfg, d)
		defer next.Close()
		if got := next.Stats(); fmt.Sprint(got) != fmt.Sprint(before) {
			t.Errorf("figures are\n%+v\nand were\n%+v", got, before)
		}
		next.Resume()
		if m := ReadMark(x.sent[0].Mark); !next.Ours(m) || m.Room != "5234" {
			t.Errorf("the mark is read as %+v", m)
		}
		x.wantDial(next, into("101"), "failed: already being called")
		x.wantDial(next, into("103"), "queued, failed: all lines are in use") // the carrier rests
		if got := next.Stats(); got.Usage.Rooms["5234"] != (Count{Now: 1, Today: 2}) || got.Trunks[0].Calls != 1 || got.Trunks[1].Today != 1 {
			t.Errorf("figures: %+v", got)
		}
		over := next.Over(r.Call.ID())
		select {
		case <-over:
			t.Error("what a call holds that goes on is given back")
		case <-next.Over("another call"):
		}
		r.Call.Hangup("bye")
		<-over
		x.phone("104").fails(0, 486)
		x.wantDial(next, into("104"), "queued, trying, busy")
		x.wantDial(next, into("105"), "queued, failed: the room's calls of today")
		if got := next.Stats(); got.Usage.Rooms["5234"] != (Count{Today: 3}) || got.Trunks[0].Calls != 0 {
			t.Errorf("figures: %+v", got)
		}
	})
}

// A call that has ended between the processes holds nothing, whatever is written down.
func TestACallThatEndsBetweenTheProcesses(t *testing.T) {
	cfg := pbx()
	cfg.Trunks[0].MaxCalls = 1
	within(t, cfg, func(x *exchange, d *Dialer) {
		x.phone("101").answers(0)
		r := d.Dial(context.Background(), into("101"), nil)
		if err := d.Pause(context.Background()); err != nil {
			t.Fatal(err)
		}
		saved := carry(t, d.Save())
		d.Close()
		r.Call.Hangup("bye")
		cfg.Inviter, cfg.Saved, cfg.Call = x.desk(), saved, func(string) Call { return nil }
		next, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer next.Close()
		next.Resume()
		x.wantDial(next, into("101"), "queued, trying, answered on 101@pbx: straight")
	})
}

func TestStatesHaveNames(t *testing.T) {
	for s := NotCalled; s <= Cancelled; s++ {
		text, err := json.Marshal(Outcome{State: s, Cause: Congestion, Code: 503})
		var back Outcome
		if err != nil || json.Unmarshal(text, &back) != nil || back != (Outcome{s, Congestion, 503}) || s.String() == "" {
			t.Errorf("%v is written as %s and read as %v", s, text, back)
		}
		if s.UnderWay() != (s == Queued || s == Trying || s == Ringing || s == Answered) {
			t.Errorf("%v is under way: %t", s, s.UnderWay())
		}
	}
	var s State
	if err := s.UnmarshalText([]byte("bored")); err == nil || (Cancelled+1).String() != "unknown state" {
		t.Errorf("%v, %v", err, Cancelled+1)
	}
}

func TestFailuresSpeak(t *testing.T) {
	for want, f := range map[string]*Failure{
		"no response":         {},
		"response 503":        {Code: 503},
		"answered elsewhere":  {Err: ErrElsewhere},
		"response 401: stale": {Code: 401, Err: errorString("stale")},
	} {
		if got := f.Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

type errorString string

func (e errorString) Error() string { return string(e) }
