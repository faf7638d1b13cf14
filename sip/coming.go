package sip

import (
	"sync"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// coming are the requests that were read, and that nobody serves yet: sipgo
// takes each there on a goroutine of its own, which may take any time on a busy
// machine. Many never get there, because a transaction absorbs them: duplicates,
// the ACK to a refusal, the CANCEL of an INVITE. So it is kept which transactions
// sipgo has, by its own keys (RFC 3261 section 17.2.3, those of RFC 2543
// included), from the reading of a request to the end of its transaction; what
// belongs to one of them is not on its way to anybody. The exception is the
// CANCEL of an INVITE without a final answer, which changes what becomes of it.
//
// It remembers as many transactions as sipgo does. The zero value has none. Safe
// for concurrent use.
type coming struct {
	mu      sync.Mutex
	pending map[string]arrival      // by key
	cancels map[string]string       // the keys of CANCELs among them, by those of their INVITEs
	known   map[string]*transaction // those that have been served, by key
	crowd   int                     // with so many pending, those that never came are looked for
	lost    func(n int)             // told of those
}

// arrival is a request on its way.
type arrival struct {
	at     time.Time // when it was read
	invite string    // of a CANCEL: the key of its INVITE
}

// transaction is one of sipgo's.
type transaction struct {
	tx       *sipgo.ServerTx
	answered bool // with a final answer; or we need not look for its CANCEL any more

	said *sipgo.Response // its final answer; nil: none was given
	at   time.Time       // when that was
}

// neverComes is when a request is given up: something of sipgo's has failed, for
// example because the connection is gone on which it came.
const neverComes = 5 * time.Second

// leastCrowd is how many may be on their way before those are looked for.
const leastCrowd = 32

// read takes down a request that sipgo is about to get. It is the last to
// change it before.
func (c *coming) read(req *sipgo.Request) {
	key, err := sipgo.ServerTxKeyMake(req)
	if err != nil {
		return // sipgo refuses it
	}
	invite := ""
	if req.IsCancel() {
		invite = cancelledKey(req)
	}
	now := time.Now()
	c.mu.Lock()
	lost := 0
	if len(c.pending) >= max(c.crowd, leastCrowd) {
		lost = c.forget(now)
		c.crowd = 2 * len(c.pending)
	}
	if !c.absorbs(key, invite) {
		c.add(key, arrival{now, invite})
	}
	c.mu.Unlock()
	c.tell(lost)
}

// absorbs tells whether a request need not be waited for. The lock is held.
//
// A CANCEL goes to the transaction of its INVITE, and only if there is none to
// one of its own. The first word on either says all that its duplicates would.
func (c *coming) absorbs(key, invite string) bool {
	if _, duplicate := c.pending[key]; duplicate {
		return true // whichever of them comes first is served
	}
	if invite == "" {
		return c.known[key] != nil
	}
	if of := c.known[invite]; of != nil {
		return of.answered
	}
	_, before := c.pending[invite]
	return !before && c.known[key] != nil
}

// add is for read. The lock is held.
func (c *coming) add(key string, a arrival) {
	if c.pending == nil {
		c.pending, c.cancels, c.known = map[string]arrival{}, map[string]string{}, map[string]*transaction{}
	}
	c.pending[key] = a
	if a.invite != "" {
		c.cancels[a.invite] = key
	}
}

// drop takes one out that has come. The lock is held.
func (c *coming) drop(key string) {
	a, ok := c.pending[key]
	delete(c.pending, key)
	if ok && c.cancels[a.invite] == key {
		delete(c.cancels, a.invite)
	}
}

// served says that a request has come to where it is served.
func (c *coming) served(tx *sipgo.ServerTx) {
	key := tx.Key()
	c.mu.Lock()
	if c.known == nil {
		c.known = map[string]*transaction{}
	}
	c.drop(key)
	c.known[key] = &transaction{tx: tx}
	c.mu.Unlock()
	if !tx.OnTerminate(func(string, error) { c.over(tx) }) {
		c.over(tx)
	}
}

// answered says that a transaction has its final answer, or knows of its CANCEL:
// what comes of a CANCEL now is that sipgo answers it.
func (c *coming) answered(tx *sipgo.ServerTx) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.known[tx.Key()]; t != nil && t.tx == tx {
		t.answered = true
		c.drop(c.cancels[tx.Key()])
	}
}

// over says that sipgo has forgotten a transaction. The next one with its key
// may be known already.
func (c *coming) over(tx *sipgo.ServerTx) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.known[tx.Key()]; t != nil && t.tx == tx {
		delete(c.known, tx.Key())
		c.drop(c.cancels[tx.Key()])
	}
}

// count is how many are on their way.
func (c *coming) count() int {
	c.mu.Lock()
	lost := c.forget(time.Now())
	n := len(c.pending)
	c.mu.Unlock()
	c.tell(lost)
	return n
}

// forget drops those that never came, and returns how many those were. The lock
// is held.
func (c *coming) forget(now time.Time) (lost int) {
	for key, a := range c.pending {
		if now.Sub(a.at) >= neverComes {
			c.drop(key)
			lost++
		}
	}
	return lost
}

func (c *coming) tell(lost int) {
	if lost > 0 && c.lost != nil {
		c.lost(lost)
	}
}

// cancelledKey is the key of the INVITE's transaction that sipgo looks for when
// a CANCEL comes. The CANCEL must have a key itself.
func cancelledKey(cancel *sipgo.Request) string {
	cseq := cancel.CSeq()
	method := cseq.MethodName
	cseq.MethodName = sipgo.INVITE
	key, _ := sipgo.ServerTxKeyMake(cancel)
	cseq.MethodName = method
	return key
}
