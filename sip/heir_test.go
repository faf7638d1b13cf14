package sip

import (
	"bytes"
	"context"
	"encoding/gob"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/sipconf/sipconf/media"
)

// end is one process' end of the wire: the wire goes on when the process dies.
type end struct {
	*wire
	closed, died chan struct{}

	mu   sync.Mutex
	late chan struct{} // closed: who reads is to wake up
}

func (w *world) end() *end {
	return &end{wire: w.wire, closed: make(chan struct{}), died: make(chan struct{}), late: make(chan struct{})}
}

func (e *end) ReadFrom(b []byte) (int, net.Addr, error) {
	e.mu.Lock()
	late := e.late
	e.mu.Unlock()
	in := e.in
	select {
	case <-late:
		return 0, nil, os.ErrDeadlineExceeded
	case <-e.died:
		in = nil
	default:
	}
	select {
	case d := <-in:
		return copy(b, d.data), d.source, nil
	case <-late:
		return 0, nil, os.ErrDeadlineExceeded
	case <-e.closed:
		return 0, nil, net.ErrClosed
	}
}

func (e *end) WriteTo(b []byte, to net.Addr) (int, error) {
	select {
	case <-e.died:
		return len(b), nil
	default:
		return e.wire.WriteTo(b, to)
	}
}

func (e *end) SetReadDeadline(t time.Time) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if t.IsZero() {
		e.late = make(chan struct{})
	} else {
		close(e.late)
	}
	return nil
}

func (e *end) Close() error {
	select {
	case <-e.closed:
	default:
		close(e.closed)
	}
	return nil
}

// pauses brings the user agent to rest.
func (w *world) pauses() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := w.ua.Pause(ctx); err != nil {
		w.t.Fatalf("it does not come to rest: %v", err)
	}
}

// handsOver has another process go on: from here on w.ua is that one.
func (w *world) handsOver(changes ...func(*Config)) {
	w.t.Helper()
	w.pauses()
	w.succeeds(changes...)
}

// succeeds is handsOver for a user agent that is paused.
func (w *world) succeeds(changes ...func(*Config)) {
	w.t.Helper()
	image := carried(w.t, w.ua.Save())
	old := w.config.Listeners[0]
	close(old.Packet.(*end).died)
	w.dead = append(w.dead, w.ua)
	w.config.Listeners = []Listener{{Name: old.Name, Packet: w.end()}}
	config := w.config
	config.Saved, config.Legs = image, w.legs()
	for _, change := range changes {
		change(&config)
	}
	ua, err := New(config, w.handler)
	if err != nil {
		w.t.Fatal(err)
	}
	w.ua = ua
	if w.begins != nil {
		w.begins(ua)
	}
	ua.Start()
}

// legs is the media of the calls, as it goes to the other process.
func (w *world) legs() func(local netip.AddrPort) *media.Leg {
	w.t.Helper()
	images := map[netip.AddrPort]media.LegImage{}
	for _, call := range w.ua.snapshot() {
		if leg := call.Leg(); leg != nil {
			if im, open := leg.Save(); open {
				images[leg.LocalAddr()] = im
			}
		}
	}
	return func(local netip.AddrPort) *media.Leg {
		im, open := images[local]
		if !open {
			return nil
		}
		leg, err := media.RestoreLeg(media.LegConfig{}, &im, noConn{local}, noConn{local})
		if err != nil {
			w.t.Fatal(err)
		}
		return leg
	}
}

// carried is an image as the other process gets it.
func carried(t *testing.T, im *Image) *Image {
	t.Helper()
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(im); err != nil {
		t.Fatal(err)
	}
	var copied Image
	if err := gob.NewDecoder(&b).Decode(&copied); err != nil {
		t.Fatal(err)
	}
	return &copied
}

// buries ends the goroutines of those that have handed over, as the end of
// their processes does.
func (w *world) buries() {
	for _, ua := range w.dead {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		ua.Close(ctx, "dead")
		cancel()
		if n := ua.Counters.Panics.Load(); n != 0 {
			w.t.Errorf("%d panics in one that has handed over", n)
		}
	}
}

// continued is the call of that ID in the process that has taken over.
func (w *world) continued(id string) *Call {
	w.t.Helper()
	for _, call := range w.ua.Restored() {
		if call.ID() == id {
			if !call.Restored() {
				w.t.Error("it does not say that it was restored")
			}
			return call
		}
	}
	w.t.Fatalf("call %s is lost", id)
	return nil
}
