// Package floor is the least that a server of this design can do in Go: per leg one non-blocking UDP socket, connected to its
// peer; every 20 ms, on one locked thread with absolute deadlines, one recv for the packet that a tick brings, then one send of
// 172 bytes. Nothing is decoded, mixed, counted or reported. It is what the server's CPU is measured against.
//
// It saves what the server saves, and more: the kernel is asked neither for the way to the peer nor for the sender's address, and
// to learn that nothing else waits, which costs half of what a packet does, only once a second and after a tick that brought none.
//
// It is as good as C: a C program that does the same spent 6.2 to 6.6 us per leg and tick on the 2-core VM of bench/README.md
// (200 legs), and on a day on which that VM was slower 8.8 and 9.2, in the place of this one in one and the same bench, where
// this one spent 8.7 and 9.5. Sending each leg its packet right after reading it, and leaving the thread unlocked, made no
// difference beyond the noise.
//
// The socket calls are those of package media, because raw system calls live in one file of the server; so a faster way
// to send and receive lowers the floor as well, and a slower one raises it: hence the figure of the C program. All else is
// its own, the clock too.
//
// The words: a *leg* is one socket; its *peer* is wherever the first packet came from, and gets an RTP packet of silence
// (G.711 A-law) per tick from then on. Nobody tells the floor its peers.
package floor

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"time"

	"github.com/sipconf/sipconf/media"
)

const (
	tick      = 20 * time.Millisecond
	catchUp   = 3 // ticks that are run at once when it is late; more are left out, as the server does
	firstPort = 20000
	header    = 12
	samples   = 160
	silence   = 0xd5 // 0 in A-law
	lookEvery = 50   // ticks after which a leg reads until nothing waits
)

// Floor is the sockets of all legs. Made by Open; used by one goroutine.
type Floor struct {
	legs []leg
	in   [2048]byte
	out  [header + samples]byte
	sent uint32 // ticks in which was sent
}

type leg struct {
	conn   media.Conn
	peer   netip.AddrPort
	missed bool // the last tick brought nothing: this one may bring two
}

// Addrs are the addresses of n legs on a host: even ports, as a server's are.
func Addrs(host netip.Addr, n int) []netip.AddrPort {
	addrs := make([]netip.AddrPort, n)
	for i := range addrs {
		addrs[i] = netip.AddrPortFrom(host, uint16(firstPort+2*i))
	}
	return addrs
}

// Open binds the sockets of all legs, or none.
func Open(addrs []netip.AddrPort) (*Floor, error) {
	f := &Floor{}
	for i, addr := range addrs {
		conn, err := media.Listen(addr)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("leg %d: %w", i, err), f.Close())
		}
		f.legs = append(f.legs, leg{conn: conn})
	}
	// RFC 3550 5.1: version 2, payload type 8. All legs have one SSRC, for they are sessions of their own.
	f.out[0], f.out[1] = 0x80, 8
	for i := header; i < len(f.out); i++ {
		f.out[i] = silence
	}
	return f, nil
}

// Close closes all sockets; after Run.
func (f *Floor) Close() error {
	var failed []error
	for _, leg := range f.legs {
		failed = append(failed, leg.conn.Close())
	}
	f.legs = nil
	return errors.Join(failed...)
}

// Run ticks until the context ends. It keeps its thread.
func (f *Floor) Run(ctx context.Context) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	clock, err := newClock()
	if err != nil {
		return err
	}
	defer clock.close()
	done := ctx.Done()
	for deadline := clock.now() + tick; ; deadline += tick {
		if missed := (clock.now() - deadline) / tick; missed > catchUp {
			deadline += (missed - catchUp) * tick
		}
		clock.sleepUntil(deadline)
		f.tick()
		select {
		case <-done:
			return nil
		default:
		}
	}
}

// tick is the whole work: read all legs, then write all legs, as a mixer must.
func (f *Floor) tick() {
	for i := range f.legs {
		f.legs[i].receive(f.in[:], (f.sent+uint32(i))%lookEvery == 0)
	}
	f.sent++
	binary.BigEndian.PutUint16(f.out[2:], uint16(f.sent))
	binary.BigEndian.PutUint32(f.out[4:], f.sent*samples)
	for i := range f.legs {
		if l := &f.legs[i]; l.peer.IsValid() {
			l.conn.Send(f.out[:], l.peer)
		}
	}
}

// receive takes the packet of this tick; all that wait, if told to, or if there may be more than that one.
func (l *leg) receive(in []byte, all bool) {
	all = all || l.missed || !l.peer.IsValid()
	l.missed = true
	for {
		_, from, ok := l.conn.Recv(in)
		if !ok {
			return
		}
		l.missed = false
		if !l.peer.IsValid() {
			l.peer = from
			l.conn.Connect(from)
		}
		if !all {
			return
		}
	}
}
