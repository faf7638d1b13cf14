package sip

import (
	"context"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// realHeir has a user agent on the same real sockets go on, as another process does.
func (w *world) realHeir(config Config) {
	w.t.Helper()
	w.pauses()
	old := w.ua
	config.Saved, config.Legs = carried(w.t, old.Save()), w.legs()
	config.Descriptors = old.Descriptors()
	config.Listeners = nil
	for _, e := range old.endpoints {
		config.Listeners = append(config.Listeners, w.again(e))
	}
	ua, err := New(config, w.ua.handler)
	if err != nil {
		w.t.Fatal(err)
	}
	w.ua = ua
	ua.Start()
	w.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		ua.Close(ctx, "test over")
		if n := ua.Counters.Panics.Load(); n != 0 {
			w.t.Errorf("%d panics", n)
		}
	})
}

// again is the listener of an endpoint with a descriptor of its own.
func (w *world) again(e *endpoint) Listener {
	w.t.Helper()
	listener := Listener{Name: e.listener.Name}
	var file *os.File
	var err error
	if e.listener.Packet != nil {
		socket := e.guard.PacketConn.(*net.UDPConn)
		if file, err = socket.File(); err == nil {
			listener.Packet, err = net.FilePacketConn(file)
		}
		socket.Close() // the process dies
	} else {
		socket := e.door.Listener.(*net.TCPListener)
		if file, err = socket.File(); err == nil {
			listener.Stream, err = net.FileListener(file)
		}
		socket.Close()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	file.Close()
	return listener
}

// TestE2EHandover: calls over each transport, answered and ringing, that
// another user agent goes on with on the same sockets.
func TestE2EHandover(t *testing.T) {
	var config Config
	var decide chan bool // of the process of now: whoever rings is answered
	begins := func(w *world) {
		decided := make(chan bool)
		decide = decided
		serves := Handler(func(ctx context.Context, call *Call) {
			call.Ring()
			if call.Number() == "ringing" {
				select {
				case <-decided:
				case <-ctx.Done():
					return
				}
			}
			if call.Answer(ctx) == nil {
				w.calls <- call
				<-call.Done()
			}
		})
		w.serves.Store(&serves)
	}
	inRealWorld(t, func(w *world, addrs map[string]string) {
		begins(w)
		var talking, ringing, hungUp []*phone
		for _, network := range []string{"udp4", "udp6", "tcp4", "tcp6", "any"} {
			transport := network
			if network == "any" {
				transport = "udp4"
			}
			for i, phones := range []*[]*phone{&talking, &ringing, &hungUp} {
				p := w.realPhone(transport, addrs[network])
				*phones = append(*phones, p)
				if i == 1 {
					p.target = strings.Replace(p.target, "5234", "ringing", 1)
					p.invites(pcmaSDP)
					p.wants(180)
					continue
				}
				p.calls()
			}
		}
		for round := range 2 {
			begins(w)
			w.realHeir(config)
			for range talking {
				w.taken()
			}
			for range hungUp {
				if round == 0 {
					w.taken()
				}
			}
			if round == 0 {
				for _, p := range hungUp {
					p.hangsUp()
				}
			}
			for _, p := range talking {
				p.invites(pcmaSDP)
				p.wants(200)
				p.acks("")
			}
		}
		close(decide)
		for _, p := range ringing {
			p.wants(200)
			p.acks("")
			w.taken()
			p.hangsUp()
		}
		for _, p := range talking {
			for _, call := range w.ua.Restored() {
				if call.ID() == p.callID {
					call.Hangup("enough")
				}
			}
			p.wantsRequest("BYE", 2*time.Second, 200)
		}
	}, func(c *Config) { config = *c })
}

// TestE2EPauseDoesNotWaitForTheDead: a connection is being made to somebody who does not answer.
func TestE2EPauseDoesNotWaitForTheDead(t *testing.T) {
	full := fullListener(t)
	var config Config
	inRealWorld(t, func(w *world, addrs map[string]string) {
		a := w.dials(&phone{addr: full}, func(target *Target) { target.URI += ";transport=tcp" })
		began := time.Now()
		w.realHeir(config)
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("the pause took %v", took)
		}
		all := w.ua.RestoredAttempts()
		if len(all) != 1 || all[0].ID() != a.ID() {
			t.Fatalf("restored %v", all)
		}
		all[0].Cancel("")
		failed(t, all[0], Cancelled, 487)
	}, func(c *Config) { config = *c })
}
