package sip

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
	"github.com/sipconf/sipconf/codec"
)

// generations is a user agent on one TCP socket that is taken over by the next
// one again and again.
type generations struct {
	*world // of the present one
	addr   string
	all    []*UA
	change func(*Config)
}

// overGenerations runs a story that begins with the first of them.
func overGenerations(t *testing.T, story func(g *generations)) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &generations{world: &world{t: t, calls: make(chan *Call, 64)}, addr: l.Addr().String(), change: func(*Config) {}}
	defer func() {
		for _, u := range g.all {
			ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
			u.Close(ctx, "test over")
			cancel()
			if n := u.Counters.Panics.Load(); n != 0 {
				t.Errorf("%d panics", n)
			}
		}
	}()
	g.begins(l)
	g.ua.Start()
	story(g)
}

// begins makes the next one.
func (g *generations) begins(l net.Listener) {
	g.t.Helper()
	config := Config{
		Listeners: []Listener{{Name: "tcp", Stream: l}}, Media: noMedia{}, Codecs: []*codec.Codec{codec.PCMA},
		Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	}
	g.change(&config)
	ua, err := New(config, g.answerAll)
	if err != nil {
		g.t.Fatal(err)
	}
	g.ua, g.all = ua, append(g.all, ua)
}

func (g *generations) endpoint() *endpoint { return g.ua.endpoints[0] }

func (g *generations) pauses() {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	if err := g.endpoint().pauseLines(ctx); err != nil {
		g.t.Fatal(err)
	}
}

// isTakenOver has the next generation go on from a pause. What the old one has
// got it still answers: another process would have waited for that.
func (g *generations) isTakenOver() []LineImage {
	g.t.Helper()
	images, descriptors := g.endpoint().saveLines()
	var written bytes.Buffer
	var read []LineImage
	if err := errors.Join(gob.NewEncoder(&written).Encode(images), gob.NewDecoder(&written).Decode(&read)); err != nil {
		g.t.Fatal(err)
	}
	fd, err := duplicate(lineless{g.endpoint().door.Listener})
	if err != nil {
		g.t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), "listener")
	defer file.Close()
	l, err := net.FileListener(file)
	if err != nil {
		g.t.Fatal(err)
	}
	g.begins(l)
	g.ua.adoptLines(read, descriptors)
	g.ua.Start()
	return read
}

// lineless lends a listener the form of a connection, whose descriptor is duplicated.
type lineless struct{ net.Listener }

func (l lineless) SyscallConn() (syscall.RawConn, error) {
	return l.Listener.(syscall.Conn).SyscallConn()
}
func (lineless) Read([]byte) (int, error)         { return 0, io.EOF }
func (lineless) Write([]byte) (int, error)        { return 0, io.EOF }
func (lineless) LocalAddr() net.Addr              { return nil }
func (lineless) RemoteAddr() net.Addr             { return nil }
func (lineless) SetDeadline(time.Time) error      { return nil }
func (lineless) SetReadDeadline(time.Time) error  { return nil }
func (lineless) SetWriteDeadline(time.Time) error { return nil }

// line is what the present generation knows a connection as; nil: it does not.
func (g *generations) line(remote string) *line {
	d := g.endpoint().door
	d.mu.Lock()
	defer d.mu.Unlock()
	for l := range d.lines {
		if l.remote.String() == remote {
			return l
		}
	}
	return nil
}

// counts is how many lines the present generation has, how many of those it has
// accepted, and how many do not stand still.
func (g *generations) counts() (lines, accepted, moving int) {
	d := g.endpoint().door
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, n := range d.open {
		accepted += n
	}
	return len(d.lines), accepted, d.moving
}

// hasRead waits until all that has come from a phone is read.
func (g *generations) hasRead(remote string) {
	g.t.Helper()
	g.waits("reading", func() bool {
		l := g.line(remote)
		if l == nil {
			return false
		}
		var err error
		onSocket(g.t, l.Conn.(syscall.Conn), func(fd int) {
			_, _, err = syscall.Recvfrom(fd, make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		})
		return errors.Is(err, syscall.EAGAIN)
	})
}

func onSocket(t *testing.T, conn syscall.Conn, do func(fd int)) {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { do(int(fd)) })
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (g *generations) waits(what string, until func() bool) {
	g.t.Helper()
	within(g.t, what, func() {
		for !until() {
			time.Sleep(100 * time.Microsecond)
		}
	})
}

// asks is an OPTIONS with the next CSeq.
func (p *phone) asks(body string) string {
	p.cseq++
	return p.text("OPTIONS", p.newBranch(), body)
}

// answered counts 200s by their CSeq until there are so many.
func (p *phone) answered(n int) map[uint32]int {
	p.w.t.Helper()
	counts := map[uint32]int{}
	for range n {
		counts[p.wants(200).CSeq().SeqNo]++
	}
	return counts
}

// TestE2ELinesChangeHandsInMidMessage: a phone that writes on while it is handed
// over a hundred times, at any byte.
func TestE2ELinesChangeHandsInMidMessage(t *testing.T) {
	overGenerations(t, func(g *generations) {
		const requests, handovers = 300, 100
		p := g.realPhone("tcp", g.addr)
		var stream []byte
		for range requests {
			stream = append(stream, p.asks(strings.Repeat("x\r\n\r\n", rand.IntN(300)))...)
		}
		counts := make(chan map[uint32]int)
		go func() { counts <- p.answered(requests) }()

		inMid := 0
		for i := range handovers {
			n := min(rand.IntN(2*len(stream)/(handovers-i)+1), len(stream))
			p.raw(string(stream[:n]))
			stream = stream[n:]
			if rand.IntN(2) == 0 {
				g.hasRead(p.addr)
			}
			g.pauses()
			images := g.isTakenOver()
			if len(images) != 1 || images[0].Remote.String() != p.addr || images[0].Local.String() != g.addr || images[0].Endpoint != "tcp" || images[0].Opened {
				t.Fatalf("images: %+v", images)
			}
			if len(images[0].Rest) > 0 {
				inMid++
			}
		}
		p.raw(string(stream))
		for cseq, n := range <-counts {
			if n != 1 {
				t.Errorf("OPTIONS %d was answered %d times", cseq, n)
			}
		}
		p.raw(p.asks(""))
		if res := p.wants(200); int(res.CSeq().SeqNo) != p.cseq {
			t.Errorf("one more answer to OPTIONS %d", res.CSeq().SeqNo)
		}
		if inMid < handovers/4 {
			t.Errorf("only %d hand-overs were in the middle of a message", inMid)
		}
	})
}

// TestE2EPauseLosesNothing: what comes in a pause is served when it is over, by
// whoever goes on.
func TestE2EPauseLosesNothing(t *testing.T) {
	for name, goesOn := range map[string]func(*generations){
		"the old one": func(g *generations) { g.endpoint().resumeLines() },
		"the new one": func(g *generations) { g.isTakenOver() },
	} {
		t.Run(name, func(t *testing.T) {
			overGenerations(t, func(g *generations) {
				var phones []*phone
				var halves []string
				for i := range 40 { // a few bytes, half a message, one and a half
					p := g.realPhone("tcp", g.addr)
					one, two := p.asks("body"), p.asks("")
					at := []int{1, 2, len(one) / 2, len(one) - 2, len(one), len(one) + 7}[i%6]
					p.raw((one + two)[:at])
					g.hasRead(p.addr)
					phones, halves = append(phones, p), append(halves, (one + two)[at:])
				}
				g.pauses()
				silent := g.line(phones[0].addr)
				for i, p := range phones {
					p.raw(halves[i])
				}
				late := g.realPhone("tcp", g.addr)
				late.raw(late.asks(""))
				var unread [4096]byte
				g.waits("the kernel", func() (all bool) {
					onSocket(t, silent.Conn.(syscall.Conn), func(fd int) {
						n, _, _ := syscall.Recvfrom(fd, unread[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
						all = n == len(halves[0])
					})
					return all
				})
				if g.line(late.addr) != nil {
					t.Error("a connection was accepted in the pause")
				}
				goesOn(g)
				for _, p := range phones {
					if counts := p.answered(2); len(counts) != 2 {
						t.Errorf("answers: %v", counts)
					}
				}
				late.wants(200)
			})
		})
	}
}

// TestE2EPingsAreAnsweredOverGenerations: each once, also one that is handed over
// in its middle.
func TestE2EPingsAreAnsweredOverGenerations(t *testing.T) {
	overGenerations(t, func(g *generations) {
		p := g.realPhone("tcp", g.addr)
		for _, at := range []int{0, 1, 2, 3, 4, 2, 1} {
			p.raw("\r\n\r\n"[:at])
			g.waits("accepting", func() bool { return g.line(p.addr) != nil })
			g.hasRead(p.addr)
			g.pauses()
			g.isTakenOver()
			p.raw("\r\n\r\n"[at:])
			select {
			case pong := <-p.inbox:
				if pong != "\r\n" {
					t.Fatalf("the answer to a ping is %q", pong)
				}
			case <-time.After(3 * time.Second):
				t.Fatalf("no answer to a ping that was handed over after %d bytes", at)
			}
		}
		p.raw(p.asks(""))
		p.wants(200) // and nothing more before it
	})
}

// TestE2EPeersThatHangUpInThePause: they are gone in the new process as well.
func TestE2EPeersThatHangUpInThePause(t *testing.T) {
	overGenerations(t, func(g *generations) {
		p, fin, reset := g.realPhone("tcp", g.addr), g.realPhone("tcp", g.addr), g.realPhone("tcp", g.addr)
		for _, p := range []*phone{p, fin, reset} {
			p.raw(p.asks("") + "OPTIONS")
			p.wants(200)
		}
		g.pauses()
		fin.conn.Close()
		reset.conn.(*net.TCPConn).SetLinger(0)
		reset.conn.Close()
		g.isTakenOver()
		p.raw(strings.TrimPrefix(p.asks(""), "OPTIONS"))
		p.wants(200)
		for _, gone := range []*phone{fin, reset} {
			g.waits("the end of a line", func() bool { return g.line(gone.addr) == nil && !g.knowsConnection(gone.addr) })
		}
		if lines, accepted, moving := g.counts(); lines != 1 || accepted != 1 || moving != 1 {
			t.Errorf("%d lines, %d accepted, %d moving", lines, accepted, moving)
		}
	})
}

// TestE2EConnectionsAreLimitedOverGenerations: what a peer has open counts in the
// new process, and what it closes does not.
func TestE2EConnectionsAreLimitedOverGenerations(t *testing.T) {
	overGenerations(t, func(g *generations) {
		var phones []*phone
		for range mostConnections {
			p := g.realPhone("tcp", g.addr)
			p.raw(p.asks(""))
			p.wants(200)
			phones = append(phones, p)
		}
		g.pauses()
		if images := g.isTakenOver(); len(images) != mostConnections {
			t.Fatalf("%d lines", len(images))
		}
		tooMany := g.realPhone("tcp", g.addr)
		g.waits("the refusal", func() bool {
			tooMany.conn.SetReadDeadline(time.Now().Add(3 * time.Second))
			_, err := tooMany.conn.Read(make([]byte, 1))
			return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)
		})
		phones[5].conn.Close()
		g.waits("the end of a line", func() bool { return g.line(phones[5].addr) == nil })
		p := g.realPhone("tcp", g.addr)
		p.raw(p.asks(""))
		p.wants(200)
	})
}

// TestE2EConnectionsThatWeHaveOpened: they go over too, in both directions, and
// do not count as their peer's.
func TestE2EConnectionsThatWeHaveOpened(t *testing.T) {
	overGenerations(t, func(g *generations) {
		home, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer home.Close()
		asked := func() <-chan error {
			asked := make(chan error, 1)
			go func() {
				code, _, err := g.ua.Options(t.Context(), Target{URI: "sip:100@" + home.Addr().String() + ";transport=tcp"})
				if err == nil && code != 200 {
					err = fmt.Errorf("code %d", code)
				}
				asked <- err
			}()
			return asked
		}
		first := asked()
		conn, err := home.Accept()
		if err != nil {
			t.Fatal(err)
		}
		p := g.phoneOn(conn)
		t.Cleanup(func() { conn.Close() })
		p.wantsRequest("OPTIONS", 3*time.Second, 200)
		if err := <-first; err != nil {
			t.Fatal(err)
		}
		for range 3 {
			request := p.asks("")
			p.raw(request[:50])
			g.hasRead(conn.LocalAddr().String())
			g.pauses()
			images := g.isTakenOver()
			if len(images) != 1 || !images[0].Opened || string(images[0].Rest) != request[:50] {
				t.Fatalf("images: %+v", images)
			}
			p.raw(request[50:])
			p.wants(200)
			again := asked()
			p.wantsRequest("OPTIONS", 3*time.Second, 200) // on the same connection
			if err := <-again; err != nil {
				t.Fatal(err)
			}
		}
		if _, accepted, _ := g.counts(); accepted != 0 {
			t.Errorf("%d of them count", accepted)
		}
	})
}

// TestE2ELinesThatNobodyWants: those of a listener that there is not any more, and
// of a peer that is not trusted any more, are closed.
func TestE2ELinesThatNobodyWants(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"another listener": func(c *Config) { c.Listeners[0].Name = "another" },
		"another network":  func(c *Config) { c.Trusted = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} },
	} {
		t.Run(name, func(t *testing.T) {
			overGenerations(t, func(g *generations) {
				p := g.realPhone("tcp", g.addr)
				p.raw(p.asks(""))
				p.wants(200)
				g.pauses()
				g.change = change
				g.isTakenOver()
				if g.line(p.addr) != nil || g.knowsConnection(p.addr) {
					t.Error("it is still there")
				}
				ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
				defer cancel()
				g.all[0].Close(ctx, "handed over") // its descriptor is the last one
				p.conn.SetReadDeadline(time.Now().Add(3 * time.Second))
				g.waits("the end", func() bool {
					_, err := p.conn.Write([]byte("\r\n"))
					return err != nil
				})
			})
		})
	}
}

// TestE2EPauseThatDoesNotComeToRest: the error says what was going on, and all
// goes on as before.
func TestE2EPauseThatDoesNotComeToRest(t *testing.T) {
	overGenerations(t, func(g *generations) {
		p := g.realPhone("tcp", g.addr)
		p.raw(p.asks(""))
		p.wants(200)
		e := g.endpoint()
		for what, busy := range map[string]func() (over func()){
			"connections are being made: 1": func() func() { e.door.opens(1); return func() { e.door.opens(-1) } },
			"a message from 192.0.2.1:5060 is being read": func() func() {
				e.door.mu.Lock()
				defer e.door.mu.Unlock()
				far, near := net.Pipe()
				l := e.door.enter(near, netip.MustParseAddrPort("192.0.2.1:5060"), true) // sipgo does not read it
				return func() { far.Close(); l.Close() }
			},
		} {
			over := busy()
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
			err := e.pauseLines(ctx)
			cancel()
			if err == nil || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "pause tcp: "+what) {
				t.Errorf("paused while %s: %v", what, err)
			}
			p.raw(p.asks(""))
			p.wants(200)
			over()
			g.pauses()
			e.resumeLines()
			e.resumeLines() // once more does nothing
			p.raw(p.asks(""))
			p.wants(200)
		}
	})
}

// TestE2EClosedWhilePaused: nobody stands still for ever.
func TestE2EClosedWhilePaused(t *testing.T) {
	overGenerations(t, func(g *generations) {
		p := g.realPhone("tcp", g.addr)
		p.raw(p.asks(""))
		p.wants(200)
		g.pauses()
		within(t, "Close", func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			g.ua.Close(ctx, "over")
		})
		g.waits("the end of the line", func() bool { return g.line(p.addr) == nil })
	})
}

// TestE2ESipgoOpensNoConnections: sipgo does not open connections of its own.
func TestE2ESipgoOpensNoConnections(t *testing.T) {
	overGenerations(t, func(g *generations) {
		home, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer home.Close()
		req := sipgo.NewRequest(sipgo.OPTIONS, sipgo.Uri{Scheme: "sip", Host: "127.0.0.1"})
		req.AppendHeader(&sipgo.ViaHeader{ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: "TCP", Host: "127.0.0.1", Port: 5060, Params: sipgo.NewParams()})
		req.SetTransport("TCP")
		req.SetDestination(home.Addr().String())
		err = g.endpoint().transport.WriteMsg(req)
		if to, ok := errors.AsType[unopened](err); !ok || string(to) != home.Addr().String() {
			t.Errorf("sent to %s: %v", home.Addr(), err)
		}
		// We do, and find it again, also by a name.
		_, port, _ := net.SplitHostPort(home.Addr().String())
		for _, to := range []string{"localhost:" + port, home.Addr().String(), "localhost:" + port} {
			req.SetDestination(to)
			if err := g.endpoint().send(&Dialog{}, req); err != nil {
				t.Errorf("sent to %s: %v", to, err)
			}
		}
		conn, err := home.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if lines, _, _ := g.counts(); lines != 1 {
			t.Errorf("%d connections", lines)
		}
	})
}

// Whoever gives a line or its doorman one more field decides what becomes of it
// when another process takes over: it is in the image, or made anew, and why.
func TestEveryFieldOfALineIsCarriedOrMadeAnew(t *testing.T) {
	carried := map[string]string{
		"line.Conn":     "Remote, Local, and its descriptor",
		"line.remote":   "Remote",
		"line.opened":   "Opened",
		"line.held":     "Rest",
		"line.framer":   "Rest: it begins anew on it",
		"doorman.open":  "Opened: those that are not are counted",
		"doorman.lines": "an image each",
	}
	anew := map[string]string{
		"line.door":    "that of the new process",
		"line.gone":    "a line that is closed is not saved",
		"line.hangUp":  "a line that is closed is not saved",
		"line.still":   "true while it is saved, and false at first",
		"line.writing": "nobody holds it",
		"line.whole":   "zero: it has been given",
		"line.broken":  "false: such a line does not stand still",

		"doorman.Listener":  "goes as a descriptor",
		"doorman.gate":      "the configuration is that of the new process",
		"doorman.turning":   "who is turned away need not be for two seconds more",
		"doorman.shut":      "the listener is open",
		"doorman.close":     "the listener is open",
		"doorman.halt":      "as the hand-over has it",
		"doorman.mu":        "nobody holds it",
		"doorman.calm":      "nobody waits",
		"doorman.moving":    "zero: a pause is on",
		"doorman.accepting": "false: a pause is on",
		"doorman.opening":   "zero: a pause is on",
	}
	known := 0
	for _, typ := range []reflect.Type{reflect.TypeFor[line](), reflect.TypeFor[doorman]()} {
		for i := range typ.NumField() {
			name := typ.Name() + "." + typ.Field(i).Name
			if (carried[name] == "") == (anew[name] == "") {
				t.Errorf("%s: say in this test where it is written down, or why it is made anew", name)
			}
			known++
		}
	}
	if known != len(carried)+len(anew) {
		t.Errorf("%d fields, %d of them are spoken of", known, len(carried)+len(anew))
	}
}
