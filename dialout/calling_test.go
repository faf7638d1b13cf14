package dialout

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// told is what OnChange has heard.
type told struct {
	mu  sync.Mutex
	all []string
}

func (t *told) hear(c Calling) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = append(t.all, fmt.Sprint(c.Room, " ", c.Number, ": ", c.Outcome))
}

func (t *told) want(x *exchange, want string) {
	x.Helper()
	t.mu.Lock()
	defer t.mu.Unlock()
	if got := strings.Join(t.all, "\n"); got != want {
		x.Errorf("told\n%s\nwant\n%s", got, want)
	}
	t.all = nil
}

// underway is who is being called into a room.
func underway(d *Dialer, room string) string {
	var all []string
	for _, c := range d.Underway(conference(room)) {
		all = append(all, c.Number+" "+c.State.String())
	}
	return strings.Join(all, ", ")
}

// TestWhoIsBeingCalled is known at every moment, and told: those of one room, in the order in which they were asked for.
func TestWhoIsBeingCalled(t *testing.T) {
	heard := &told{}
	cfg := pbx()
	cfg.OnChange = heard.hear
	within(t, cfg, func(x *exchange, d *Dialer) {
		x.phone("101").tries(0).rings(time.Second).answers(9 * time.Second)
		x.phone("102").moved("103")
		x.phone("103").rings(time.Second).fails(time.Second, 486)
		var wg sync.WaitGroup
		for i, number := range []string{"1-0-1", "102", "104"} {
			req := into(number)
			if number == "104" {
				req.Room.Number = "777"
				x.phone("104").tries(0).fails(5*time.Second, 404)
			}
			wg.Go(func() { time.Sleep(time.Duration(i) * time.Millisecond); d.Dial(context.Background(), req, nil) })
		}
		time.Sleep(1100 * time.Millisecond)
		if got, want := underway(d, "5234"), "101 ringing, 103 ringing"; got != want {
			t.Errorf("under way: %s; want %s", got, want)
		}
		if got, want := underway(d, "777"), "104 trying"; got != want {
			t.Errorf("under way in 777: %s; want %s", got, want)
		}
		wg.Wait()
		if got := underway(d, "5234") + underway(d, "777"); got != "" {
			t.Errorf("under way at the end: %s", got)
		}
		slices.SortStableFunc(heard.all, func(a, b string) int { return strings.Compare(a[:strings.Index(a, ":")], b[:strings.Index(b, ":")]) })
		heard.want(x, "5234 101: queued\n5234 101: trying\n5234 101: ringing\n5234 101: answered\n"+
			"5234 102: queued\n5234 102: trying\n5234 103: queued\n5234 103: trying\n5234 103: ringing\n5234 103: busy\n"+
			"777 104: queued\n777 104: trying\n777 104: failed: refused (404)")
		d.Dial(context.Background(), into("00123"), nil) // longer than numbers are, or not allowed: nobody is called
		d.Dial(context.Background(), into("12"), nil)
		heard.want(x, "5234 00123: queued\n5234 00123: trying\n5234 00123: failed: refused (404)")
	})
}

// TestACallIsTakenOver: the number is whither the INVITE goes, not who is called, so that it may be in the room, or be called into it.
func TestACallIsTakenOver(t *testing.T) {
	within(t, pbx(), func(x *exchange, d *Dialer) {
		x.enters("101")
		x.phone("101").answers(time.Second)
		req := into("101")
		x.wantDial(d, req, "failed: already in the room")
		req.Replaces, req.Policy = "a@b;to-tag=1;from-tag=2", Straight
		done := make(chan struct{})
		go func() {
			defer close(done)
			x.wantDial(d, req, "queued, trying, answered on 101@pbx: straight")
		}()
		synctest.Wait()
		x.wantDial(d, req, "failed: already being called")
		<-done
		if got := x.sent[0].Replaces; got != req.Replaces {
			t.Errorf("the attempt has Replaces %q", got)
		}
		other := req
		other.Replaces = "c@d;to-tag=1;from-tag=2"
		x.wantDial(d, other, "queued, trying, answered on 101@pbx: straight")
		other.Number = "000000000000"
		x.wantDial(d, other, "failed: too many digits") // the rules are for it as well
	})
}
