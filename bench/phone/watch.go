package phone

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// Watch is a dialog of a phone that has no call: a SUBSCRIBE or a REFER has begun it, and NOTIFYs come in it. Safe for concurrent use.
type Watch struct {
	phone   *Phone
	notices notices

	mu     sync.Mutex
	dialog dialog
}

// notices are the NOTIFYs that have come and were not looked at.
type notices chan *Message

// mostNotices is how many are kept; whoever sends more than that gets 500.
const mostNotices = 64

func newNotices() notices { return make(notices, mostNotices) }

// take keeps one; the status is that of its answer.
func (n notices) take(m *Message) int {
	select {
	case n <- m:
		return 200
	default:
		return 500
	}
}

// next waits for one.
func (n notices) next(ctx context.Context) (*Message, error) {
	select {
	case m := <-n:
		return m, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("NOTIFY: %w", context.Cause(ctx))
	}
}

// Watch sends a request that begins such a dialog: SUBSCRIBE or REFER. The error of one that is refused is a *StatusError.
func (p *Phone) Watch(ctx context.Context, method, uri string, headers ...Header) (*Watch, error) {
	w := &Watch{phone: p, notices: newNotices(), dialog: dialog{callID: strings.ToLower(rand.Text()), localTag: newTag(), remote: "<" + uri + ">", target: uri}}
	w.dialog.local = p.nameAddr() + ";tag=" + w.dialog.localTag
	p.mu.Lock()
	p.watches[w.key()] = w // before it is sent: a NOTIFY may come before the answer
	p.mu.Unlock()
	r, err := w.Request(ctx, method, headers...)
	if err == nil && r.Status >= 300 {
		err = &StatusError{method, r}
	}
	if err != nil {
		w.Forget()
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dialog.learn(r)
	return w, nil
}

func (w *Watch) key() string { return w.dialog.callID + " " + w.dialog.localTag }

// Request sends a request in the dialog and returns its final response, of whatever status.
func (w *Watch) Request(ctx context.Context, method string, headers ...Header) (*Message, error) {
	w.mu.Lock()
	m := w.phone.inDialog(&w.dialog, method)
	d := w.dialog
	w.mu.Unlock()
	for _, h := range headers {
		m.set(h.Name, h.Value)
	}
	by, err := w.phone.next(ctx, &d)
	if err != nil {
		return nil, err
	}
	return w.phone.transact(ctx, by, m)
}

// Notified waits for the next NOTIFY.
func (w *Watch) Notified(ctx context.Context) (*Message, error) { return w.notices.next(ctx) }

// Forget ends the dialog as a phone does that was switched off and on again: whatever comes is answered with 481.
func (w *Watch) Forget() {
	w.phone.mu.Lock()
	defer w.phone.mu.Unlock()
	delete(w.phone.watches, w.key())
}

// watched is the dialog that a request belongs to; nil: none.
func (p *Phone) watched(m *Message) *Watch {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.watches[m.Header("Call-ID")+" "+tag(m.Header("To"))]
}

// serve answers a request in the dialog.
func (w *Watch) serve(m *Message, by path) {
	status := 405
	if m.Method == "NOTIFY" {
		w.mu.Lock()
		n, _ := m.cseq()
		stale := n <= w.dialog.remoteCSeq && w.dialog.remoteCSeq != 0
		w.dialog.remoteCSeq = max(n, w.dialog.remoteCSeq)
		w.mu.Unlock()
		if status = 500; !stale {
			status = w.notices.take(m)
		}
	}
	w.phone.answerTo(m, by, respond(m, status, "", ""))
}

// Notified waits for the next NOTIFY in the call.
func (c *Call) Notified(ctx context.Context) (*Message, error) {
	m, err := c.notices.next(ctx)
	if err != nil {
		select {
		case <-c.done:
			return nil, errors.Join(err, errors.New("call has ended"))
		default:
		}
	}
	return m, err
}
