package sip

import (
	"bytes"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// TestE2EALongDocumentArrives: the roster of a large room is longer than a packet of the network, and than what sipgo
// sends by default.
func TestE2EALongDocumentArrives(t *testing.T) {
	long := bytes.Repeat([]byte("0123456789"), mostDocument/10)
	inRealWorld(t, func(w *world, addrs map[string]string) {
		for _, network := range []string{"udp4", "udp6", "tcp4", "tcp6", "any"} {
			to := network
			if network == "any" {
				network = "udp4"
			}
			p := w.realPhone(network, addrs[to])
			for _, within := range []bool{false, true} {
				if within {
					p.callID, p.toTag = p.callID+"-call", ""
					p.calls()
				}
				p.sends("SUBSCRIBE", "", "Event: conference", "Expires: 0")
				p.wants(200)
				if notify := p.wantsRequest("NOTIFY", 5*time.Second, 200); !bytes.Equal(notify.Body(), long) {
					t.Errorf("%s: %d bytes of %d have come", to, len(notify.Body()), len(long))
				}
			}
			p.hangsUp()
		}
	}, func(c *Config) {
		c.Packages = []Package{{
			Event: "conference", Type: "application/conference-info+xml",
			Find:     func(Subscriber) (string, bool) { return "room", true },
			Document: func(Inquiry) ([]byte, bool) { return long, true },
		}}
	})
}

// clogged is a TCP listener whose connections, while it is on, do not get rid of
// what is written to them: their peers do not read.
type clogged struct {
	net.Listener
	on   atomic.Pointer[chan struct{}] // closed when they read again
	held chan struct{}                 // receives when something waits
}

func (l *clogged) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &cloggedConn{conn, l}, nil
}

type cloggedConn struct {
	net.Conn
	l *clogged
}

func (c *cloggedConn) Write(b []byte) (int, error) {
	if on := c.l.on.Load(); on != nil {
		c.l.held <- struct{}{}
		<-*on
	}
	return c.Conn.Write(b)
}

// TestE2ESubscriberThatDoesNotRead keeps nobody waiting who has news, and gets his answer before them.
func TestE2ESubscriberThatDoesNotRead(t *testing.T) {
	line := &clogged{held: make(chan struct{}, 64)}
	inRealWorld(t, func(w *world, addrs map[string]string) {
		for _, first := range []bool{true, false} {
			p := w.realPhone("tcp", addrs["tcp4"])
			if !first {
				p.sends("SUBSCRIBE", "", "Event: conference", "Expires: 3600")
				p.toTag, _ = p.wants(200).To().Params.Get("tag")
				p.wantsRequest("NOTIFY", time.Second, 200)
			}
			reads := make(chan struct{})
			line.on.Store(&reads)
			p.sends("SUBSCRIBE", "", "Event: conference", "Expires: 1800")
			<-line.held
			changed := make(chan struct{})
			go func() {
				w.ua.Changed("conference", "room")
				w.ua.Subscriptions()
				close(changed)
			}()
			select {
			case <-changed:
			case <-time.After(time.Second):
				t.Error("Changed is stuck")
			}
			line.on.Store(nil)
			close(reads)
			<-changed
			p.toTag, _ = p.wants(200).To().Params.Get("tag")
			wantHeader(t, p.wantsRequest("NOTIFY", 2*time.Second, 200), "Subscription-State", "active;expires=1800")
			p.sends("SUBSCRIBE", "", "Event: conference", "Expires: 0")
			p.wants(200)
			p.wantsRequest("NOTIFY", 2*time.Second, 200)
		}
	}, func(c *Config) {
		c.Packages = []Package{{
			Event: "conference", Type: "application/conference-info+xml",
			Find:     func(Subscriber) (string, bool) { return "room", true },
			Document: func(Inquiry) ([]byte, bool) { return []byte("who is there"), true },
		}}
		for i := range c.Listeners {
			if c.Listeners[i].Name == "tcp4" {
				line.Listener, c.Listeners[i].Stream = c.Listeners[i].Stream, line
			}
		}
	})
}
