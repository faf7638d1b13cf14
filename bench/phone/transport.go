package phone

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"
)

// path is how a message goes to somebody: over a TCP connection, or by UDP to an address.
type path struct {
	to   netip.AddrPort
	conn *wire
}

// reliable says that the transport itself retransmits.
func (t path) reliable() bool { return t.conn != nil }

// wire is a TCP connection; writes of several goroutines do not mix.
type wire struct {
	mu   sync.Mutex
	conn net.Conn
}

func (s *wire) write(b []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.conn.Write(b)
	return err
}

// wires is the SIP sockets of a phone.
type wires struct {
	udp    *net.UDPConn
	tcp    net.Listener
	handle func(*Message, path)
	trace  func(sent bool, b []byte)

	wg    sync.WaitGroup // readers; close waits
	mu    sync.Mutex
	conns map[netip.AddrPort]*wire
	shut  bool
}

// openWires opens the socket and begins to read: UDP, or a TCP listener on the same address.
func openWires(local netip.AddrPort, transport string, handle func(*Message, path), trace func(bool, []byte)) (*wires, error) {
	w := &wires{handle: handle, trace: trace, conns: map[netip.AddrPort]*wire{}}
	var err error
	if transport == "tcp" {
		if w.tcp, err = net.Listen("tcp", local.String()); err != nil {
			return nil, fmt.Errorf("sip socket: %w", err)
		}
		w.wg.Go(w.accept)
		return w, nil
	}
	if w.udp, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(local)); err != nil {
		return nil, fmt.Errorf("sip socket: %w", err)
	}
	w.wg.Go(w.readDatagrams)
	return w, nil
}

func (w *wires) local() netip.AddrPort {
	if w.tcp != nil {
		return plain(w.tcp.Addr().(*net.TCPAddr).AddrPort())
	}
	return plain(w.udp.LocalAddr().(*net.UDPAddr).AddrPort())
}

func plain(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

func (w *wires) readDatagrams() {
	b := make([]byte, 65536)
	for {
		n, from, err := w.udp.ReadFromUDPAddrPort(b)
		if err != nil {
			return // closed; a UDP socket that only listens and sends has no other lasting error
		}
		w.traced(false, b[:n])
		if m, err := parseDatagram(b[:n]); err == nil {
			w.handle(m, path{to: plain(from)})
		}
	}
}

func (w *wires) accept() {
	for {
		conn, err := w.tcp.Accept()
		if err != nil {
			return
		}
		w.adopt(conn)
	}
}

// adopt takes a new TCP connection; its reader ends when the connection does.
func (w *wires) adopt(conn net.Conn) *wire {
	s := &wire{conn: conn}
	peer := plain(conn.RemoteAddr().(*net.TCPAddr).AddrPort())
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.shut {
		_ = conn.Close()
		return s
	}
	w.conns[peer] = s
	w.wg.Go(func() {
		w.readStream(s, peer)
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.conns[peer] == s {
			delete(w.conns, peer)
		}
		_ = conn.Close()
	})
	return s
}

// readStream cuts a stream into messages by Content-Length (RFC 3261 18.3).
func (w *wires) readStream(s *wire, peer netip.AddrPort) {
	r := bufio.NewReader(s.conn)
	for {
		head, err := readHead(r)
		if err != nil {
			return
		}
		m, _, err := parseHead(head)
		if err != nil {
			return
		}
		n, err := strconv.Atoi(m.Header("Content-Length"))
		if err != nil || n < 0 || n > 1<<20 {
			return
		}
		m.Body = make([]byte, n)
		if _, err := io.ReadFull(r, m.Body); err != nil {
			return
		}
		w.traced(false, append(head, m.Body...))
		w.handle(m, path{to: peer, conn: s})
	}
}

// readHead reads up to and including the empty line; empty lines before it are keep-alives (RFC 5626 4.4.1).
func readHead(r *bufio.Reader) ([]byte, error) {
	var head []byte
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		if len(head) == 0 && len(line) <= 2 {
			continue
		}
		if head = append(head, line...); len(line) <= 2 || len(head) > 1<<16 {
			return head, nil
		}
	}
}

// path finds or makes the way to an address.
func (w *wires) path(ctx context.Context, to netip.AddrPort) (path, error) {
	if w.udp != nil {
		return path{to: to}, nil
	}
	w.mu.Lock()
	s := w.conns[to]
	w.mu.Unlock()
	if s == nil {
		dialer := net.Dialer{Timeout: 5 * time.Second, LocalAddr: &net.TCPAddr{IP: net.IP(w.local().Addr().AsSlice())}}
		conn, err := dialer.DialContext(ctx, "tcp", to.String())
		if err != nil {
			return path{}, fmt.Errorf("sip connection: %w", err)
		}
		s = w.adopt(conn)
	}
	return path{to: to, conn: s}, nil
}

func (w *wires) send(t path, b []byte) error {
	w.traced(true, b)
	if t.conn != nil {
		return t.conn.write(b)
	}
	_, err := w.udp.WriteToUDPAddrPort(b, t.to)
	return err
}

func (w *wires) traced(sent bool, b []byte) {
	if w.trace != nil {
		w.trace(sent, b)
	}
}

// close closes all sockets and waits for the readers.
func (w *wires) close() {
	w.mu.Lock()
	w.shut = true
	for _, s := range w.conns {
		_ = s.conn.Close()
	}
	w.mu.Unlock()
	if w.udp != nil {
		_ = w.udp.Close()
	}
	if w.tcp != nil {
		_ = w.tcp.Close()
	}
	w.wg.Wait()
}
