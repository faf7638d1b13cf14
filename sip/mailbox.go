package sip

import "sync"

// mailbox is where a call's goroutine gets its work: functions, run in order.
// Putting one in never blocks, so that whoever holds a lock or a deadline may
// do it. Its zero value is closed; newMailbox makes an open one.
type mailbox struct {
	wake chan struct{} // holds one while there may be something

	mu   sync.Mutex
	work []func()
	open bool
}

// mostWaiting is how many functions may wait before further requests of the
// peer are refused: a call that cannot keep up is stuck, or under attack.
const mostWaiting = 64

func newMailbox() *mailbox { return &mailbox{wake: make(chan struct{}, 1), open: true} }

// put adds a function; false when the mailbox is closed: then it never runs.
func (m *mailbox) put(f func()) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.open {
		return false
	}
	m.work = append(m.work, f)
	m.ring()
	return true
}

// ring wakes the owner up without giving it work.
func (m *mailbox) ring() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// take removes the oldest function; nil when there is none.
func (m *mailbox) take() func() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.work) == 0 {
		m.work = nil
		return nil
	}
	f := m.work[0]
	m.work[0] = nil
	m.work = m.work[1:]
	return f
}

func (m *mailbox) full() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.work) >= mostWaiting
}

// close drops what is left.
func (m *mailbox) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.open, m.work = false, nil
}
