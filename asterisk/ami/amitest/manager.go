// Package amitest is a manager interface of an Asterisk that is not there, for tests. It reads and checks what it is told with a
// parser of its own.
package amitest

import (
	"bufio"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"sync"
)

// Manager is the fake. Its zero value knows no account; New makes one that does. Safe for concurrent use.
type Manager struct {
	username string
	work     sync.WaitGroup // the connections; Close waits

	mu      sync.Mutex
	habits  Habits
	conns   map[net.Conn]bool // true: it is logged in
	dials   int
	asked   []Action
	growing chan struct{} // closed and replaced whenever something comes
}

// Habits are how the manager behaves. The zero value refuses every login but one with an empty secret.
type Habits struct {
	Secret    string
	Down      bool   // connections are refused
	Deaf      bool   // nothing is answered any more
	Banner    string // empty: Asterisk's
	Powerless bool   // the account may not redirect
	Nowhere   bool   // the dialplan has no place at all
	Simple    bool   // there are no functions to ask for that
	Device    string // what DEVICE_STATE says
	Redirect  string // why a Redirect is refused; empty: it is not
}

// Action is one that was asked for.
type Action = textproto.MIMEHeader

// New makes a manager that knows one account. Close ends it.
func New(username, secret string) *Manager {
	return &Manager{username: username, habits: Habits{Secret: secret}, conns: map[net.Conn]bool{}, growing: make(chan struct{})}
}

// Behave changes the manager's habits.
func (m *Manager) Behave(change func(*Habits)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(&m.habits)
}

func (m *Manager) now() Habits {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.habits
}

// ErrRefused is what Dial says when the manager is down.
var ErrRefused = errors.New("connection refused")

// Dial is for ami.Config: a connection without a network.
func (m *Manager) Dial(context.Context, string) (net.Conn, error) {
	m.mu.Lock()
	m.dials++
	down := m.habits.Down
	m.mu.Unlock()
	m.grow()
	if down {
		return nil, ErrRefused
	}
	theirs, ours := net.Pipe()
	m.work.Go(func() { m.Serve(ours) }) // ends with the connection, at the latest in Close
	return theirs, nil
}

// Listen serves those who connect to the listener until it is closed.
func (m *Manager) Listen(l net.Listener) {
	m.work.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			m.work.Go(func() { m.Serve(conn) })
		}
	})
}

// Serve answers on one connection until that ends.
func (m *Manager) Serve(conn net.Conn) {
	defer conn.Close()
	m.mu.Lock()
	m.conns[conn] = false
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.conns, conn)
	}()
	greeting := m.now().Banner
	if greeting == "" {
		greeting = "Asterisk Call Manager/11.0.0"
	}
	fmt.Fprintf(conn, "%s\r\n", greeting)
	in := textproto.NewReader(bufio.NewReader(conn))
	for {
		a, err := in.ReadMIMEHeader()
		if err != nil {
			return
		}
		m.mu.Lock()
		m.asked = append(m.asked, a)
		m.mu.Unlock()
		m.answer(conn, a)
		m.grow()
	}
}

const challenge = "840415273"

func (m *Manager) answer(conn net.Conn, a Action) {
	h := m.now()
	if h.Deaf {
		return
	}
	m.mu.Lock()
	known := m.conns[conn]
	m.mu.Unlock()
	result, rest := "Success", ""
	switch name := a.Get("Action"); {
	case name == "Challenge" && a.Get("AuthType") == "MD5":
		rest = "Challenge: " + challenge + "\r\n"
	case name == "Login":
		if a.Get("Username") != m.username || a.Get("Key") != fmt.Sprintf("%x", md5.Sum([]byte(challenge+h.Secret))) {
			result, rest = "Error", "Message: Authentication failed\r\n"
			break
		}
		m.mu.Lock()
		m.conns[conn] = true
		m.mu.Unlock()
		rest = "Message: Authentication accepted\r\n"
	case !known:
		result, rest = "Error", "Message: Permission denied\r\n"
	case name == "ListCommands":
		rest = "Ping: Keepalive command.  (Priv: <none>)\r\n"
		if !h.Powerless {
			rest += "Redirect: Redirect (transfer) a call.  (Priv: call,all)\r\n"
		}
	case name == "Getvar" && h.Simple:
		rest = "Variable: " + a.Get("Variable") + "\r\nValue: \r\n"
	case name == "Getvar" && strings.HasPrefix(a.Get("Variable"), "DEVICE_STATE("):
		rest = "Variable: " + a.Get("Variable") + "\r\nValue: " + h.Device + "\r\n"
	case name == "Getvar" && h.Nowhere:
		rest = "Variable: " + a.Get("Variable") + "\r\nValue: 0\r\n"
	case name == "Getvar":
		rest = "Variable: " + a.Get("Variable") + "\r\nValue: 1\r\n"
	case name == "Redirect" && h.Redirect != "":
		result, rest = "Error", "Message: "+h.Redirect+"\r\n"
	case name == "Redirect":
		rest = "Message: Dual Redirect successful\r\n"
	case name == "Ping":
		rest = "Ping: Pong\r\n"
	default:
		result, rest = "Error", "Message: Invalid/unknown command\r\n"
	}
	fmt.Fprintf(conn, "Response: %s\r\nActionID: %s\r\n%s\r\n", result, a.Get("ActionID"), rest)
}

// Raise sends lines to all who are logged in; each ends with CR LF, an event with an empty one.
func (m *Manager) Raise(lines string) {
	for _, conn := range m.connected() {
		fmt.Fprint(conn, lines)
	}
}

// Drop ends all connections.
func (m *Manager) Drop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for conn := range m.conns {
		conn.Close()
	}
}

func (m *Manager) connected() (all []net.Conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for conn, in := range m.conns {
		if in {
			all = append(all, conn)
		}
	}
	return all
}

// Sessions is how many are logged in.
func (m *Manager) Sessions() int { return len(m.connected()) }

// Dials is how often Dial was called.
func (m *Manager) Dials() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dials
}

// Asked is all actions of that name so far.
func (m *Manager) Asked(name string) (all []Action) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range m.asked {
		if a.Get("Action") == name {
			all = append(all, a)
		}
	}
	return all
}

func (m *Manager) grow() {
	m.mu.Lock()
	defer m.mu.Unlock()
	close(m.growing)
	m.growing = make(chan struct{})
}

// Await waits until cond holds, which it looks at whenever somebody connects or asks for something. The error is the context's.
func (m *Manager) Await(ctx context.Context, cond func() bool) error {
	for {
		m.mu.Lock()
		growing := m.growing
		m.mu.Unlock()
		if cond() {
			return nil
		}
		select {
		case <-growing:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Close ends all connections and waits for them. What listens is closed before, by whoever opened it.
func (m *Manager) Close() {
	m.Drop()
	m.work.Wait()
}
