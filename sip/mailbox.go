package sip

import "sync"

// mailbox is where a call gets its work: functions, run in order. Whoever puts
// one in begins the goroutine that runs them, unless it is there; it ends when
// there are no more, so that a call to which nothing happens has none, and no
// stack. Putting one in never blocks, so that whoever holds a lock or a
// deadline may do it. Its zero value keeps what is put in until start.
type mailbox struct {
	mu     sync.Mutex
	serve  func() // the goroutine; nil before start
	there  bool   // it is
	work   []work
	rung   bool // there may be something to do besides work
	closed bool
}

// work is one of those functions.
type work struct {
	do    func()
	order *OrderImage // what it does, if it is what the program wants; nil: it does something else
}

// mostWaiting is how many functions may wait before further requests of the
// peer are refused: a call that cannot keep up is stuck, or under attack.
const mostWaiting = 64

// start begins the goroutine, for the first time; serve is what it does. It
// must take all work, and end when rest or close lets it.
func (m *mailbox) start(serve func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.serve = serve
	m.wake()
}

// put adds a function; false when the mailbox is closed: then it never runs.
func (m *mailbox) put(f func()) bool { return m.add(work{do: f}) }

func (m *mailbox) add(w work) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return false
	}
	m.work = append(m.work, w)
	m.wake()
	return true
}

// ring wakes the owner up without giving it work.
func (m *mailbox) ring() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rung = true
	m.wake()
}

// wake sees to it that the goroutine is there. The lock is held.
func (m *mailbox) wake() {
	if m.serve != nil && !m.there && !m.closed {
		m.there = true
		go m.serve() // ends by rest or close
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
	f := m.work[0].do
	m.work[0] = work{}
	m.work = m.work[1:]
	return f
}

// left is what waits: what the program wants, and whether there is anything
// else.
func (m *mailbox) left() (orders []OrderImage, more bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, w := range m.work {
		if w.order != nil {
			orders = append(orders, *w.order)
		} else {
			more = true
		}
	}
	return orders, more
}

// rest says that the goroutine has to end, because there is nothing to do.
//
// What is put in from now on finds no goroutine there, and begins the next.
func (m *mailbox) rest() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.there = len(m.work) > 0 || m.rung
	m.rung = false
	return !m.there
}

func (m *mailbox) full() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.work) >= mostWaiting
}

// close drops what is left, and begins no goroutine any more.
func (m *mailbox) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed, m.work = true, nil
}
