package attendant

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipconf/sipconf/dialout"
)

func always() bool { return true }

// Twenty work and wait by turns, and one pauses them again and again: in a pause nobody works, and after it all go on.
func TestStillness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(stillness)
		var working, steps atomic.Int64
		var all sync.WaitGroup
		over := make(chan struct{})
		for range 20 {
			all.Go(func() { // ends with over
				w := &worker{still: s, work: serving}
				w.begin()
				defer w.end()
				for {
					working.Add(1)
					time.Sleep(rand.N(10 * time.Millisecond)) // fake time, as all here
					steps.Add(1)
					working.Add(-1)
					done := false
					w.rest(func() {
						select {
						case <-time.After(rand.N(10 * time.Millisecond)):
						case <-over:
							done = true
						}
					})
					if done {
						return
					}
				}
			})
		}
		for range 100 {
			time.Sleep(rand.N(30 * time.Millisecond))
			if err := s.pause(t.Context(), always); err != nil {
				t.Fatal(err)
			}
			before := steps.Load()
			time.Sleep(rand.N(30 * time.Millisecond))
			if working.Load() != 0 || steps.Load() != before {
				t.Fatal("somebody works in a pause")
			}
			if err := s.pause(t.Context(), always); !errors.Is(err, errPaused) {
				t.Errorf("paused twice: %v", err)
			}
			s.resume()
			time.Sleep(25 * time.Millisecond)
			if steps.Load() == before {
				t.Fatal("nobody goes on")
			}
		}
		close(over)
		all.Wait()
		s.resume() // of no consequence
	})
}

// A pause that cannot come says in words who still works, and then they are as they were; whoever was about to begin does.
func TestAPauseThatCannotCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(stillness)
		two := []*worker{{still: s, work: dialling}, {still: s, work: dialling}}
		one := &worker{still: s, work: crying}
		for _, w := range append(two, one) {
			w.begin()
		}
		begun := false
		later := &worker{still: s, work: serving}
		go func() { // ends with the pause
			time.Sleep(time.Second)
			later.begin()
			begun = true
		}()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		err := s.pause(ctx, always)
		const want = "context deadline exceeded: 2 numbers are being dialled, a room is being told something"
		if err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
		synctest.Wait()
		if !begun {
			t.Error("who has waited for the pause does not begin")
		}
		for _, w := range append(two, one, later) {
			w.end()
			w.end()
		}
		ctx, cancel = context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if err := s.pause(ctx, func() bool { return false }); err == nil || err.Error() != "context deadline exceeded: somebody who has hung up is still there" {
			t.Error(err)
		}
	})
}

// Whom somebody who works is waiting for may begin although a pause is coming: he whose call is over, or is over now, and he for whom a dial-out waits. When it
// has come they may not.
func TestWhoOthersWaitForDoesNotWaitForAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(stillness)
		first := &worker{still: s, work: replacing}
		first.begin()
		paused := make(chan struct{})
		go func() { // ends with the pause
			defer close(paused)
			if err := s.pause(t.Context(), always); err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
		ann, bob := &call{id: "ann", over: make(chan struct{})}, &call{id: "bob", over: make(chan struct{})}
		ann.Hangup("gone")
		begun := make(chan string, 4)
		begins := func(name string, w *worker) {
			go func() { // ends when he has worked
				w.begin()
				begun <- name
				w.end()
			}()
			synctest.Wait()
		}
		begins("ann", &worker{still: s, call: ann})
		begins("bob", &worker{still: s, call: bob})
		begins("carl", &worker{still: s, urgent: true})
		bob.Hangup("gone")
		for _, want := range []string{"ann", "carl", "bob"} {
			if got := <-begun; got != want {
				t.Errorf("%s works, want %s", got, want)
			}
		}
		first.end()
		<-paused
		begins("dora", &worker{still: s, call: ann, urgent: true})
		select {
		case who := <-begun:
			t.Errorf("%s works in a pause", who)
		default:
		}
		s.resume()
		<-begun
	})
}

// Nobody pauses between what a dialler tells and the attendant who takes that, nor when it has said that it is about to tell the result. Of a lot of news the
// newest is kept.
func TestNoPauseComesBetweenNewsAndWhoeverTakesIt(t *testing.T) {
	o := &Office{}
	comes := func() bool {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := o.still.pause(ctx, always)
		o.still.resume()
		return err == nil
	}
	d := &dialOut{o, make(chan news, mostNews), o.urgentWorker()}
	for n := range 3 * mostNews {
		d.tell(dialout.Change{State: dialout.Ringing, Number: strconv.Itoa(n)})
	}
	for n := 2 * mostNews; n < 3*mostNews; n++ {
		if comes() {
			t.Fatal("a pause comes although there is news")
		}
		got := <-d.news
		if got.change.Number != strconv.Itoa(n) {
			t.Errorf("%q is heard, want %d", got.change.Number, n)
		}
		got.taken()
	}
	if !comes() {
		t.Error("a pause does not come although all was taken")
	}
	d.tell(dialout.Change{Over: true})
	if comes() {
		t.Error("a pause comes although the result is coming")
	}
	d.put(news{works: d.ends, result: new(dialout.Result)})
	got := <-d.news
	if got.taken(); got.result == nil || !comes() {
		t.Error("a pause does not come although it has ended")
	}
}
