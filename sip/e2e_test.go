package sip

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sipconf/sipconf/codec"
)

// inRealWorld is inWorld on real sockets and in real time: UDP and TCP, IPv4
// and IPv6, all on loopback.
func inRealWorld(t *testing.T, story func(w *world, addrs map[string]string), changes ...func(*Config)) {
	t.Helper()
	w := &world{t: t, calls: make(chan *Call, 64)}
	config := Config{
		Media:   noMedia{},
		Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("::1/128")},
		Codecs:  []*codec.Codec{codec.PCMA, codec.PCMU},
	}
	addrs := map[string]string{}
	for name, addr := range map[string]string{"udp4": "127.0.0.1:0", "udp6": "[::1]:0", "tcp4": "127.0.0.1:0", "tcp6": "[::1]:0", "any": "0.0.0.0:0"} {
		listener := Listener{Name: name}
		switch name {
		case "tcp4", "tcp6":
			l, err := net.Listen(name, addr)
			if err != nil {
				t.Fatal(err)
			}
			listener.Stream, addrs[name] = l, l.Addr().String()
		case "any":
			l, err := net.ListenPacket("udp4", addr)
			if err != nil {
				t.Fatal(err)
			}
			_, port, _ := net.SplitHostPort(l.LocalAddr().String())
			listener.Packet, addrs[name] = l, "127.0.0.1:"+port
		default:
			l, err := net.ListenPacket(name, addr)
			if err != nil {
				t.Fatal(err)
			}
			listener.Packet, addrs[name] = l, l.LocalAddr().String()
		}
		config.Listeners = append(config.Listeners, listener)
	}
	for _, change := range changes {
		change(&config)
	}
	ua, err := New(config, func(ctx context.Context, call *Call) {
		if serves := w.serves.Load(); serves != nil {
			(*serves)(ctx, call)
			return
		}
		w.answerAll(ctx, call)
	})
	if err != nil {
		t.Fatal(err)
	}
	w.ua = ua
	ua.Start()
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		ua.Close(ctx, "test over")
		if n := ua.Counters.Panics.Load(); n != 0 {
			t.Errorf("%d panics", n)
		}
	}()
	story(w, addrs)
}

// realPhone is a phone with a socket.
func (w *world) realPhone(network, to string) *phone {
	w.t.Helper()
	conn, err := net.Dial(network[:3], to)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { conn.Close() })
	return w.phoneOn(conn)
}

func (w *world) phoneOn(conn net.Conn) *phone {
	phones++
	p := &phone{w: w, conn: conn, addr: conn.LocalAddr().String(), inbox: make(chan string, 64),
		callID: fmt.Sprintf("real-%d", phones), fromTag: fmt.Sprintf("from%d", phones),
		target: "sip:5234@" + conn.RemoteAddr().String(), to: "<sip:5234@sipconf>"}
	p.contact = "sip:alice@" + p.addr
	if p.transport() == "TCP" {
		p.contact += ";transport=tcp"
	}
	go p.read()
	return p
}

func (p *phone) read() {
	if p.transport() == "UDP" {
		buf := make([]byte, 65535)
		for {
			n, err := p.conn.Read(buf)
			if err != nil {
				return
			}
			p.inbox <- string(buf[:n])
		}
	}
	r := bufio.NewReader(p.conn)
	for {
		var head strings.Builder
		length := 0
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			head.WriteString(line)
			if strings.TrimSpace(line) == "" {
				break
			}
			if name, value, _ := strings.Cut(line, ":"); textproto.CanonicalMIMEHeaderKey(name) == "Content-Length" {
				length, _ = strconv.Atoi(strings.TrimSpace(value))
			}
		}
		body := make([]byte, length)
		if _, err := io.ReadFull(r, body); err != nil {
			return
		}
		p.inbox <- head.String() + string(body)
	}
}

func TestE2ECallsOverEachTransport(t *testing.T) {
	inRealWorld(t, func(w *world, addrs map[string]string) {
		for network, addr := range addrs {
			t.Run(network, func(t *testing.T) {
				kind := "udp"
				if strings.HasPrefix(network, "tcp") {
					kind = "tcp"
				}
				body := pcmaSDP
				if strings.HasSuffix(network, "6") {
					body = strings.ReplaceAll(body, "IP4 127.0.0.1", "IP6 ::1")
				}
				p := w.realPhone(kind, addr)
				p.invites(body)
				answer := p.wants(200)
				if host := answer.Contact().Address.Host; host != "127.0.0.1" && host != "[::1]" {
					t.Errorf("Contact %s", answer.Contact().Value())
				}
				p.acks("")
				w.taken()
				p.invites(strings.Replace(body, "sendrecv", "sendonly", 1))
				p.wants(200)
				p.acks("")
				p.hangsUp()

				// The server's own BYE comes from where it listens.
				p = w.realPhone(kind, addr)
				p.invites(body)
				p.wants(200)
				p.acks("")
				w.taken().Hangup("")
				p.wantsRequest("BYE", 3*time.Second, 200)
			})
		}
	})
}

func TestE2ECrossedCancels(t *testing.T) {
	inRealWorld(t, func(w *world, addrs map[string]string) {
		// Back to back, a tenth of the CANCELs are handled before their INVITE.
		for range 200 {
			p := w.realPhone("udp", addrs["udp4"])
			p.cseq, p.inviteCSeq = 1, 1
			p.branch = p.newBranch()
			p.request("INVITE", p.branch, pcmaSDP)
			p.request("CANCEL", p.branch, "")
			final := 0
			for final == 0 {
				m := p.gets(3 * time.Second)
				if m == nil {
					t.Fatal("no final answer")
				}
				if status, method := statusOf(m); method == "INVITE" && status >= 200 {
					final = status
					p.toTag, _ = m.To().Params.Get("tag")
				}
			}
			switch final {
			case 487:
				p.acksRefusal()
			case 200: // it was faster than the CANCEL
				p.acks("")
				p.sends("BYE", "")
			default:
				t.Fatalf("INVITE got %d", final)
			}
			p.conn.Close()
		}
		deadline := time.Now().Add(5 * time.Second)
		for w.ua.Calls() > 0 && time.Now().Before(deadline) {
			time.Sleep(10 * time.Millisecond)
		}
		if n := w.ua.Calls(); n != 0 {
			t.Errorf("%d ghost calls", n)
		}
	})
}

func TestE2EStrangersAreForbidden(t *testing.T) {
	inRealWorld(t, func(w *world, addrs map[string]string) {
		for _, network := range []string{"udp4", "tcp4"} {
			var local net.Addr = &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)}
			if network == "tcp4" {
				local = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}
			}
			conn, err := (&net.Dialer{LocalAddr: local}).Dial(network, addrs[network])
			if err != nil {
				t.Fatal(err)
			}
			w.phoneOn(conn).refused(403, pcmaSDP)
			conn.Close()
		}
		if n := w.ua.Counters.Untrusted.Load(); n < 2 {
			t.Errorf("%d strangers counted", n)
		}
	})
}

func statusOf(m *message) (status int, method string) {
	fields := strings.Fields(m.text)
	status, _ = strconv.Atoi(fields[1])
	return status, string(m.CSeq().MethodName)
}

// tortures are the messages of RFC 4475, as sipgo carries them.
func tortures(t *testing.T) []string {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/emiago/sipgo").Output()
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, kind := range []string{"valid", "invalid"} {
		found, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "sip/testdata/torture", kind, "*"))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) != 50 {
		t.Fatalf("%d messages of RFC 4475, want 50: %v", len(files), files)
	}
	return files
}

func TestE2ETortureMessagesOfRFC4475(t *testing.T) {
	files := tortures(t)
	inRealWorld(t, func(w *world, addrs map[string]string) {
		other := w.realPhone("udp", addrs["udp4"])
		call := other.calls()
		answered := 0
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, network := range []string{"udp4", "tcp4"} {
				p := w.realPhone(network[:3], addrs[network])
				p.raw(string(data))
				p.raw(string(data[:len(data)/2]))
				select {
				case <-p.inbox:
					answered++
				case <-time.After(50 * time.Millisecond):
				}
				p.conn.Close()
			}
		}
		if answered < 25 {
			t.Errorf("only %d of %d messages were answered at once", answered, 2*len(files))
		}
		for _, network := range []string{"udp4", "tcp4"} {
			good := w.realPhone(network[:3], addrs[network])
			good.calls()
			good.hangsUp()
		}
		select {
		case <-call.Done():
			t.Error("a torture message has ended another call")
		default:
		}
		other.hangsUp()
	})
}
