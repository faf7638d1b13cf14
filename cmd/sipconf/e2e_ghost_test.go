package main

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/sipconf/sipconf/bench/phone"
)

// TestE2ENoGhosts: 200 callers who give up as they call, 100 INFOs in a row, and a REFER while the session is being changed. Of none of them is
// anything left, and those who talk meanwhile go on talking.
func TestE2ENoGhosts(t *testing.T) {
	t.Parallel()
	o, trunk := newTrunkOffice(t, func(cfg *Config) { cfg.Media.Ports.Last = 42999 })
	anna := o.joins(phone.Config{Name: "Anna", Number: "101"}, "5234", 400)
	boris := o.joins(phone.Config{Name: "Boris", Number: "102"}, "5234", 500)
	o.hears("Boris", boris, []float64{400})

	crowd := o.phone(phone.Config{Name: "Crowd", Number: "109"})
	var callers sync.WaitGroup
	for i := range 200 {
		callers.Go(func() {
			call, err := crowd.Call(o.soon(), o.uri(fmt.Sprint("5", 100+i%50), "udp", true), phone.CancelEarly())
			switch {
			case err == nil: // the CANCEL came too late
				call.Hangup(o.soon())
			case phone.Status(err) != 487 && !errors.Is(err, phone.ErrCancelled):
				t.Errorf("caller %d: %v", i, err)
			}
		})
	}
	callers.Wait()
	o.eventually("only Anna and Boris are there", func() bool { return o.ua.Calls() == 2 && o.engine.Stats().Legs == 2 && o.rooms.Stats().Rooms == 1 })

	for range 100 {
		if err := anna.SendInfo(o.soon(), '7', true); err != nil {
			t.Fatal(err)
		}
	}
	o.hears("Boris", boris, []float64{400})

	changed := make(chan struct{})
	go func() {
		defer close(changed)
		for range 20 {
			if err := anna.Move(o.soon()); err != nil {
				select {
				case <-anna.Done(): // moved
					return
				default:
					t.Errorf("changing the session: %v", err)
				}
			}
		}
	}()
	if told := o.refers(anna, "<sip:203@pbx>"); told[len(told)-1] != "200 OK" {
		t.Errorf("told %q", told)
	}
	<-changed
	select {
	case <-anna.Done(): // by a BYE, or by a 481 to a change that has crossed it
		if end := anna.Ending(); !end.ByPeer && phone.Status(end.Err) != 481 {
			t.Errorf("Anna: %+v", end)
		}
	case <-o.soon().Done():
		t.Error("Anna was not hung up")
	}
	clara := trunk.answered("203")
	o.hears("Boris", boris, []float64{toneOf("203")}, 400)
	o.hears("Clara", clara, []float64{500})
	o.nothingLeft(boris, clara)
}
