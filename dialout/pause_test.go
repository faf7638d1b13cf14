package dialout

import (
	"bytes"
	"context"
	"encoding/gob"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// carry is an image as it comes out at the other process.
func carry[Image any](t tester, im *Image) *Image {
	t.Helper()
	var line bytes.Buffer
	if err := gob.NewEncoder(&line).Encode(im); err != nil {
		t.Errorf("the image cannot be written: %v", err)
	}
	read := new(Image)
	if err := gob.NewDecoder(&line).Decode(read); err != nil {
		t.Errorf("the image cannot be read: %v", err)
	}
	return read
}

// find is the call of that ID; nil: it has ended.
func (x *exchange) find(id string) Call {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, c := range x.calls {
		if c.id == id && !c.over {
			return c
		}
	}
	return nil
}

// handOver makes a Dialer that goes on for d, which is paused. It is paused, too; d is closed, as its process would be.
func (x *exchange) handOver(cfg Config, d *Dialer) *Dialer {
	x.Helper()
	if err := d.Pause(context.Background()); err != nil {
		x.Errorf("pause: %v", err)
	}
	saved := carry(x, d.Save())
	x.mu.Lock()
	x.process++
	x.mu.Unlock()
	cfg.Inviter, cfg.Present, cfg.Saved, cfg.Call = x.desk(), x.present, saved, x.find
	d.Close()
	next, err := New(cfg)
	if err != nil {
		x.Errorf("%v", err)
	}
	return next
}

// What rings goes on ringing while the dialler is paused, and what comes of it shows afterwards. Who is dialled meanwhile waits, and so do he who
// is to be dialled over the second trunk, he who comes to his turn, and he who is redirected. Resumed, they are dialled as if nothing had
// happened, and it is not taken for a time that their phones ring.
func TestAPauseOfTheDialler(t *testing.T) {
	cfg := two()
	cfg.Trunks[0].MaxCalls = 5
	within(t, cfg, func(x *exchange, d *Dialer) {
		x.phone("101").rings(0).answers(10 * time.Second)
		x.phone("102@pbx").fails(2*time.Second, 503)
		x.phone("102@carrier").rings(0).answers(29 * time.Second)
		x.phone("103").then(step{after: 3 * time.Second, failure: &Failure{Class: Redirect, Code: 302, Targets: []string{"203"}}})
		x.phone("203").rings(0).answers(29 * time.Second)
		x.phone("104").rings(0).answers(29 * time.Second)
		var done sync.WaitGroup
		dials := func(ctx context.Context, number, want string) {
			done.Go(func() {
				if got := x.dialWith(ctx, d, into(number)); got != want {
					t.Errorf("dialling %s: %s; want %s", number, got, want)
				}
			})
			synctest.Wait() // in this order
		}
		dials(context.Background(), "101", "queued, trying, ringing, answered on 101@pbx: straight")
		dials(context.Background(), "102", "queued, trying, queued, trying, ringing, answered on 102@carrier: press-1")
		dials(context.Background(), "103", "queued, trying, queued, trying, ringing, answered on 203@pbx: straight")
		time.Sleep(time.Second)
		done.Go(func() {
			if err := d.Pause(context.Background()); err != nil {
				t.Error(err)
			}
			x.note("paused")
		})
		synctest.Wait()
		dials(context.Background(), "104", "queued, trying, ringing, answered on 104@pbx: straight")
		ctx, giveUp := context.WithCancel(context.Background())
		dials(ctx, "105", "queued, cancelled")
		time.Sleep(4 * time.Second)
		giveUp()
		time.Sleep(55 * time.Second)
		x.wantLog(`0s INVITE 101@pbx
			0s INVITE 102@pbx
			0s INVITE 103@pbx
			1s paused`)
		if got, want := underway(d, "5234"), "101 ringing, 102 trying, 103 trying, 104 queued"; got != want {
			t.Errorf("under way: %s; want %s", got, want)
		}
		d.Resume()
		d.Resume()
		done.Wait()
		x.wantLog("1m0s INVITE 102@carrier\n1m0s INVITE 203@pbx\n1m0s INVITE 104@pbx")
		if took := time.Since(x.began); took != 89*time.Second {
			t.Errorf("they have answered after %v", took)
		}
	})
}

// Where a number leads is not found out for longer than the pause may be waited for: that is said, and who was held up meanwhile is dialled.
func TestAPauseThatIsNotWaitedFor(t *testing.T) {
	cfg := pbx()
	cfg.Response = 20 * time.Second
	within(t, cfg, func(x *exchange, d *Dialer) {
		var done sync.WaitGroup
		for i := range 7 {
			number := fmt.Sprint(101 + i)
			x.phone(number).answers(0).sending = 10 * time.Second
			done.Go(func() { time.Sleep(time.Duration(i) * time.Second); x.dial(d, into(number)) })
		}
		for after, want := range map[time.Duration]string{
			500 * time.Millisecond:  "1 number is being dialled: 101 into 5234",
			1500 * time.Millisecond: "2 numbers are being dialled: 101 into 5234, 102 into 5234",
			8500 * time.Millisecond: "7 numbers are being dialled: 101 into 5234, 102 into 5234, 103 into 5234, 104 into 5234, 105 into 5234 and 2 more",
		} {
			done.Go(func() {
				time.Sleep(after)
				ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
				defer cancel()
				if err := d.Pause(ctx); err == nil || err.Error() != want {
					t.Errorf("got: %v; want: %s", err, want)
				}
			})
		}
		done.Wait()
		if got := len(x.live()); got != 7 {
			t.Errorf("%d have answered", got)
		}
	})
}

// Nobody leaves faster than the trunk's pace after a pause, here or in the next process, and in the order in which they stood in line.
func TestThePaceAfterAPause(t *testing.T) {
	cfg := pbx()
	cfg.Trunks[0].Rate = 1
	within(t, cfg, func(x *exchange, d *Dialer) {
		var done sync.WaitGroup
		for i := range 4 {
			number := fmt.Sprint(101 + i)
			x.phone(number).answers(0)
			done.Go(func() { time.Sleep(time.Duration(i) * time.Millisecond); x.dial(d, into(number)) })
		}
		time.Sleep(1500 * time.Millisecond)
		if err := d.Pause(context.Background()); err != nil {
			t.Error(err)
		}
		time.Sleep(10 * time.Second)
		d.Resume()
		done.Wait()
		x.wantLog("0s INVITE 101@pbx\n1s INVITE 102@pbx\n11.5s INVITE 103@pbx\n12.5s INVITE 104@pbx")
		next := x.handOver(cfg, d)
		defer next.Close()
		next.Resume()
		x.phone("105").answers(0)
		x.dial(next, into("105"))
		x.wantLog("13.5s INVITE 105@pbx")
	})
}

// What was not sent does not count for the day, and takes no line, in the next process.
func TestWhatWasNotSentDoesNotCount(t *testing.T) {
	cfg := outside()
	cfg.Trunks[0].MaxCalls = 2
	within(t, cfg, func(x *exchange, d *Dialer) {
		x.phone("101").answers(0)
		x.dial(d, into("101"))
		if err := d.Pause(context.Background()); err != nil {
			t.Error(err)
		}
		var done sync.WaitGroup
		ctx, giveUp := context.WithCancel(context.Background())
		done.Go(func() { x.dialWith(ctx, d, into("102")) })
		synctest.Wait()
		if got := d.Stats(); got.Trunks[0].Calls != 2 || got.Trunks[0].Today != 2 || got.Usage.Rooms["5234"] != (Count{2, 2}) {
			t.Errorf("the one that waits has its line: %+v", got)
		}
		cfg := cfg
		cfg.Inviter, cfg.Saved, cfg.Call = x.desk(), carry(t, d.Save()), x.find
		next, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer next.Close()
		if got := next.Stats(); got.Trunks[0].Calls != 1 || got.Trunks[0].Today != 1 || got.Usage.Rooms["5234"] != (Count{1, 1}) || got.Usage.Callers["12"] != (Count{1, 1}) {
			t.Errorf("figures: %+v", got)
		}
		giveUp()
		done.Wait()
	})
}

// A probe that nobody answers does not hold a pause up, and while it lasts none is sent. The next process knows at once which trunk is down.
func TestNobodyProbesInAPause(t *testing.T) {
	cfg := two()
	cfg.Trunks[0].Probe, cfg.Trunks[1].Probe = time.Minute, time.Minute
	within(t, cfg, func(x *exchange, d *Dialer) {
		x.dies("carrier", true)
		time.Sleep(time.Minute + time.Second)
		x.mute(true)
		time.Sleep(5 * time.Second) // that of the carrier is out
		if err := d.Pause(context.Background()); err != nil {
			t.Error(err)
		}
		if took := time.Since(x.began); took != time.Minute+6*time.Second {
			t.Errorf("the probe has held the pause up until %v", took)
		}
		x.dies("carrier", false)
		x.mute(false)
		time.Sleep(time.Hour)
		if s := d.Stats(); !s.Trunks[0].Up || s.Trunks[1].Up {
			t.Errorf("the trunks were probed: %+v", s.Trunks)
		}
		before := d.Stats()
		next := x.handOver(cfg, d)
		defer next.Close()
		synctest.Wait()
		if s := next.Stats(); fmt.Sprint(s.Trunks) != fmt.Sprint(before.Trunks) {
			t.Errorf("the trunks are %+v, and were %+v", s.Trunks, before.Trunks)
		}
		next.Resume()
		synctest.Wait()
		if s := next.Stats(); !s.Trunks[1].Up {
			t.Errorf("the carrier was not probed when it went on: %+v", s.Trunks)
		}
	})
}
