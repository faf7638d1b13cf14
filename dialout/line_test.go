package dialout

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestLinesAreGivenToThoseWhoWaitedLongest(t *testing.T) {
	cfg := pbx()
	cfg.Trunks[0].MaxCalls = 2
	within(t, cfg, func(x *exchange, d *Dialer) {
		x.phone("101").answers(0)
		x.phone("102").rings(0).answers(0)
		x.wantDial(d, into("101"), "queued, trying, answered on 101@pbx: straight")
		x.wantDial(d, into("102"), "queued, trying, ringing, answered on 102@pbx: straight")
		x.wantDial(d, into("103"), "queued, failed: all lines are in use")
		x.wantLog("0s INVITE 101@pbx\n0s INVITE 102@pbx")

		var done sync.WaitGroup
		waits := func(number string, wait time.Duration, want string) {
			done.Go(func() {
				req := into(number)
				req.Wait = wait
				x.wantDial(d, req, want)
			})
			time.Sleep(time.Second)
		}
		x.phone("103").rings(0).fails(10*time.Second, 486)
		x.phone("104").answers(0)
		x.phone("106").answers(0)
		waits("103", time.Minute, "queued, trying, ringing, busy")
		waits("104", time.Minute, "queued, trying, answered on 104@pbx: straight")
		waits("105", 2500*time.Millisecond, "queued, failed: all lines are in use")
		waits("106", time.Minute, "queued, trying, answered on 106@pbx: straight")
		if s := d.Stats(); s.Waiting != 4 || s.Trunks[0].Calls != 2 {
			t.Errorf("figures: %+v", s)
		}
		time.Sleep(6 * time.Second)
		x.calls[0].Hangup("bye")
		time.Sleep(time.Second)
		x.calls[1].Hangup("bye")
		done.Wait()
		x.wantLog(`10s BYE 101@pbx: bye
			10s INVITE 103@pbx
			11s BYE 102@pbx: bye
			11s INVITE 104@pbx
			20s INVITE 106@pbx`)
		if got := d.Stats().Trunks[0].Calls; got != 2 {
			t.Errorf("%d lines in use", got)
		}
	})
}

func TestWhoGivesUpLeavesTheQueue(t *testing.T) {
	cfg := pbx()
	cfg.Trunks[0].MaxCalls = 1
	within(t, cfg, func(x *exchange, d *Dialer) {
		x.phone("101").answers(0)
		x.dial(d, into("101"))
		x.phone("103").answers(0)
		ctx, giveUp := context.WithCancel(context.Background())
		var done sync.WaitGroup
		waiting := func(ctx context.Context, number, want string) {
			req := into(number)
			req.Wait = time.Minute
			done.Go(func() {
				if got := x.dialWith(ctx, d, req); got != want {
					t.Errorf("%s: %s; want %s", number, got, want)
				}
			})
			synctest.Wait()
		}
		waiting(ctx, "102", "queued, cancelled")
		waiting(context.Background(), "103", "queued, trying, answered on 103@pbx: straight")
		giveUp()
		x.calls[0].Hangup("bye") // in the same moment: 102 may have been given the line, and must pass it on
		done.Wait()
		if s := d.Stats(); s.Trunks[0].Calls != 1 || s.Waiting != 0 {
			t.Errorf("figures: %+v", s)
		}
	})
}

func TestWhoWaitsSeesWhatBecomesOfTheTrunk(t *testing.T) {
	cfg := two()
	cfg.Trunks[0].MaxCalls = 1
	cfg.Trunks[0].Probe = 10 * time.Second
	cfg.Trunks[1].Numbers = []string{"_9X."}
	within(t, cfg, func(x *exchange, d *Dialer) {
		synctest.Wait()
		x.phone("101").rings(0).answers(0)
		x.dial(d, into("101"))
		patient := into("102")
		patient.Wait = time.Minute
		var done sync.WaitGroup
		done.Go(func() { x.wantDial(d, patient, "queued, unreachable: the trunk is down") })
		synctest.Wait()
		x.dies("pbx", true)
		done.Wait()
		if got := time.Since(x.began); got != 10*time.Second {
			t.Errorf("seen after %v", got)
		}
		// It comes back, and the next one waits; then it asks to be left alone, and is.
		x.dies("pbx", false)
		time.Sleep(10 * time.Second)
		x.calls[0].Hangup("bye")
		synctest.Wait()
		x.phone("103").rings(0).then(step{after: 5 * time.Second, failure: &Failure{Class: Congested, Code: 503, RetryAfter: 20 * time.Second}})
		x.phone("102").answers(0)
		x.wantLog("0s INVITE 101@pbx\n20s BYE 101@pbx: bye")
		done.Go(func() { x.wantDial(d, into("103"), "queued, trying, ringing, failed: congestion (503)") })
		synctest.Wait()
		done.Go(func() { x.wantDial(d, patient, "queued, trying, answered on 102@pbx: straight") })
		done.Wait()
		x.wantLog("20s INVITE 103@pbx\n45s INVITE 102@pbx")
	})
}

func TestPacing(t *testing.T) {
	cfg := pbx()
	cfg.Trunks[0].Rate = 4
	within(t, cfg, func(x *exchange, d *Dialer) {
		var done sync.WaitGroup
		ctx, giveUp := context.WithCancel(context.Background())
		for i := range 9 {
			number := fmt.Sprint(100 + i)
			x.phone(number).fails(0, 486)
			asking := context.Background()
			if i%3 != 0 {
				asking = ctx // of three in line, two go before it is their turn
			}
			done.Go(func() { d.Dial(asking, into(number), nil) })
			synctest.Wait()
		}
		giveUp()
		done.Wait()
		x.wantLog("0s INVITE 100@pbx\n250ms INVITE 103@pbx\n500ms INVITE 106@pbx")
		time.Sleep(10 * time.Second)
		d.Dial(context.Background(), into("100"), nil) // a rest is no store of turns
		d.Dial(context.Background(), into("103"), nil)
		x.wantLog("10.5s INVITE 100@pbx\n10.75s INVITE 103@pbx")
	})
}

func TestTheProbe(t *testing.T) {
	cfg := two()
	cfg.Trunks[0].Probe = 30 * time.Second
	within(t, cfg, func(x *exchange, d *Dialer) {
		at := func(after time.Duration, up bool) {
			t.Helper()
			time.Sleep(after - time.Since(x.began))
			synctest.Wait()
			if got := d.Stats().Trunks[0]; got.Up != up {
				t.Errorf("after %v: %+v", after, got)
			}
		}
		at(0, true)
		time.Sleep(time.Second)
		x.dies("pbx", true)
		at(29*time.Second, true)
		at(30*time.Second, false) // the next look
		x.phone("101@carrier").answers(0)
		x.wantDial(d, into("101"), "queued, trying, answered on 101@carrier: press-1")
		only := into("102")
		only.Trunk = "pbx"
		x.wantDial(d, only, "queued, unreachable: the trunk is down")
		time.Sleep(time.Second)
		x.dies("pbx", false)
		at(34*time.Second, false)
		at(35*time.Second, true) // while it is down it is looked at every five seconds
		at(40*time.Second, true)

		// A call that finds nobody makes the probe look at once.
		x.dies("pbx", true)
		x.phone("102")
		x.wantDial(d, only, "queued, trying, unreachable: no response")
		at(44*time.Second, false) // and not after 65 s
		if got := d.Stats().Trunks[0]; got.LastError != "nobody there" || got.Since != time.Now() {
			t.Errorf("%+v", got)
		}
	})
}
