package sip

import (
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// TestE2EDatagramsAreSignalling: what comes from the UDP sockets, as the kernel tells who receives it.
func TestE2EDatagramsAreSignalling(t *testing.T) {
	inRealWorld(t, func(w *world, addrs map[string]string) {
		for _, network := range []string{"udp4", "udp6", "any"} {
			if got := classOfAnswer(t, addrs[network]); got != 24 {
				t.Errorf("%s: the answer travels with DSCP %d, want 24 (CS3)", network, got)
			}
		}
	})
}

// classOfAnswer is the DSCP with which the answer to an OPTIONS comes.
func classOfAnswer(t *testing.T, server string) int {
	t.Helper()
	dialled, err := net.Dial("udp", server)
	if err != nil {
		t.Fatal(err)
	}
	defer dialled.Close()
	conn := dialled.(*net.UDPConn)
	conn.SetDeadline(time.Now().Add(3 * time.Second))
	onSocket(t, conn, func(fd int) {
		syscall.SetsockoptInt(fd, syscall.IPPROTO_IP, syscall.IP_RECVTOS, 1)
		syscall.SetsockoptInt(fd, syscall.IPPROTO_IPV6, syscall.IPV6_RECVTCLASS, 1)
	})
	request := "OPTIONS sip:" + server + " SIP/2.0\nVia: SIP/2.0/UDP " + conn.LocalAddr().String() + ";branch=z9hG4bK1\n" +
		"From: <sip:a@test>;tag=1\nTo: <sip:" + server + ">\nCall-ID: class\nCSeq: 1 OPTIONS\nContent-Length: 0\n\n"
	if _, err := conn.Write([]byte(strings.ReplaceAll(request, "\n", "\r\n"))); err != nil {
		t.Fatal(err)
	}
	control := make([]byte, 128)
	_, n, _, _, err := conn.ReadMsgUDP(make([]byte, 2048), control)
	if err != nil {
		t.Fatal(err)
	}
	messages, err := syscall.ParseSocketControlMessage(control[:n])
	if err != nil || len(messages) != 1 {
		t.Fatalf("%d control messages, %v", len(messages), err)
	}
	return int(messages[0].Data[0] >> 2) // one octet, or an integer in the byte order of x86 and ARM
}

// TestE2EConnectionsAreSignalling: the TCP connections that we accept, and those that we open.
func TestE2EConnectionsAreSignalling(t *testing.T) {
	inRealWorld(t, func(w *world, addrs map[string]string) {
		for network, host := range map[string]string{"tcp4": "127.0.0.1:0", "tcp6": "[::1]:0"} {
			e := endpointOn(t, w.ua, addrs[network])
			home, err := net.Listen(network, host) // where the phone can be reached
			if err != nil {
				t.Fatal(err)
			}
			defer home.Close()
			p := w.realPhone(network, addrs[network])
			p.contact = "sip:alice@" + home.Addr().String() + ";transport=tcp"
			p.invites(strings.ReplaceAll(pcmaSDP, "IP4 127.0.0.1", map[string]string{"tcp4": "IP4 127.0.0.1", "tcp6": "IP6 ::1"}[network]))
			p.wants(200)
			p.acks("")
			call := w.taken()
			wantSignalling(t, network+" accepted", lineTo(t, e, p.addr))

			p.conn.Close()
			wantsNoLine(t, e, p.addr)
			call.Hangup("") // the BYE goes to where the phone can be reached
			home.(*net.TCPListener).SetDeadline(time.Now().Add(3 * time.Second))
			opened, err := home.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer opened.Close()
			wantSignalling(t, network+" opened", lineTo(t, e, home.Addr().String()))
		}
	})
}

// TestE2EListenersAreSignalling: what answers a SYN, where it is not Multipath TCP.
func TestE2EListenersAreSignalling(t *testing.T) {
	for network, host := range map[string]string{"tcp4": "127.0.0.1:0", "tcp6": "[::1]:0"} {
		var config net.ListenConfig
		config.SetMultipathTCP(false)
		l, err := config.Listen(t.Context(), network, host)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		classify(l)
		wantSignalling(t, network, l)
	}
}

func endpointOn(t *testing.T, u *UA, addr string) *endpoint {
	t.Helper()
	for _, e := range u.endpoints {
		if e.local.String() == addr {
			return e
		}
	}
	t.Fatalf("nothing listens on %s", addr)
	return nil
}

// lineTo is the connection that an endpoint has with a peer.
func lineTo(t *testing.T, e *endpoint, peer string) any {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		found := e.transport.Pool("tcp").Get(peer)
		if found == nil {
			continue
		}
		found.TryClose() // Get took a reference
		conn := found.(*sipgo.TCPConnection).Conn
		if accepted, ok := conn.(*line); ok {
			return accepted.Conn
		}
		return conn
	}
	t.Fatalf("no connection with %s", peer)
	return nil
}

// wantsNoLine waits until the endpoint knows that the connection is closed.
func wantsNoLine(t *testing.T, e *endpoint, peer string) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Second); ; time.Sleep(time.Millisecond) {
		found := e.transport.Pool("tcp").Get(peer)
		if found == nil {
			return
		}
		found.TryClose() // Get took a reference
		if time.Now().After(deadline) {
			t.Fatalf("there is still a connection with %s", peer)
		}
	}
}

func wantSignalling(t *testing.T, what string, socket any) {
	t.Helper()
	onSocket(t, socket.(syscall.Conn), func(fd int) {
		level, option := syscall.IPPROTO_IP, syscall.IP_TOS
		if strings.HasPrefix(what, "tcp6") {
			level, option = syscall.IPPROTO_IPV6, syscall.IPV6_TCLASS
		}
		if got, err := syscall.GetsockoptInt(fd, level, option); err != nil || got>>2 != 24 {
			t.Errorf("%s: DSCP %d, %v, want 24 (CS3)", what, got>>2, err)
		}
	})
}
