package sip

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
	"github.com/sipconf/sipconf/media"
)

// ErrEnded says that the call is over.
var ErrEnded = errors.New("the call has ended")

// phase is how far a call has come. What may be done derives from it.
type phase uint8

const (
	ringing   phase = iota // INVITE taken, no final answer yet
	calling                // INVITE sent, no final answer yet
	accepted               // 200 sent, no ACK yet
	confirmed              // ACK seen
	leaving                // over for the handler; our BYE may be under way
)

// Call is one dialog and its media. Its exported methods may be called from
// any goroutine.
type Call struct {
	// Fixed when the call is made.
	ua        *UA
	endpoint  *endpoint
	log       *slog.Logger
	id        dialogID
	merge     mergeKey
	inviteKey string
	number    string
	source    string
	extras    map[string]string    // the X- headers of the peer's INVITE, by their names in small letters
	overtaken *overtaker           // its CANCEL, if that came first
	attempt   *Attempt             // what our INVITE has come to; nil: it was the peer's
	replaces  atomic.Pointer[Call] // see Replaces
	restored  bool                 // see Restored

	mailbox   mailbox
	cancelled atomic.Bool   // a CANCEL has come; sipgo has sent the 487
	settled   chan struct{} // the INVITE's goroutine may go: refused, or acknowledged
	settle    func()
	over      <-chan struct{} // Done: the handler should return
	end       func()
	attended  func()        // runs the handler, if there is one
	returned  chan struct{} // the handler has returned and the leg is closed; at once when there is none
	gone      chan struct{} // the call is: the mailbox is not read any more

	renamed  chan struct{} // holds one while identity has changed
	identity atomic.Pointer[Identity]
	infoKeys atomic.Bool // see TakesInfo
	leg      atomic.Pointer[media.Leg]
	ending   atomic.Pointer[Ending]

	// Owned by run, of which there is one at a time.
	state
	outgoing   *outgoing   // our INVITE, until it is answered; nil: there is none. To be written down with the state
	alarm      *time.Timer // rings the mailbox at the next deadline
	invitation *inbound    // the initial INVITE; nil once it is acknowledged: it is 5 KiB; and when it was ours
	unacked    *unacked
	waiting    []*inbound         // requests whose turn has not come, by CSeq
	turnAt     time.Time          // when they are served all the same
	answering  chan error         // where Answer waits for the ACK
	asked      int                // requests of ours that are under way
	questions  []*question        // which ones, but for ACKs and the INVITE
	inviting   bool               // a re-INVITE of ours among them
	sending    chan struct{}      // closed when the last of them has been sent; nil: none is under way
	invite     *sipgo.Request     // our INVITE, until it is answered
	signed     signature          // of our last INVITE or re-INVITE
	hangOn     context.CancelFunc // ends the connecting to the peer; nil: none is under way
	unwatch    func()             // ends the watch for what ICMP says of our INVITE; nil: there is none
	joined     []dialogID         // guarded by UA.mu: under what it can be found
	released   bool               // the leg of a call that we have made is closed
	byeSent    bool
	dismissing bool    // the answer to an INVITE that nobody wants any more is not ended yet
	parting    string  // Reason for the BYE that waits for the ACK
	infos      []press // the INFOs of SendInfo; the first one is under way
}

// Ending tells how a call ended.
type Ending struct {
	ByPeer     bool
	Deliberate bool   // by the peer's BYE, and it names no fault
	Reason     string // for the log: the peer's Reason header, or ours
}

// inbound is one request with its transaction. done is closed when nobody
// needs the transaction any more.
type inbound struct {
	req  *sipgo.Request
	tx   *sipgo.ServerTx
	done chan struct{}

	claimed atomic.Bool
}

// respond answers a request, whether it has a transaction or not: what another
// process has taken over has none.
func (c *Call) respond(in *inbound, res *sipgo.Response) error {
	if in.tx == nil {
		return c.endpoint.put(res)
	}
	err := c.ua.answer(in.tx, res)
	if !res.IsProvisional() {
		c.ua.answered(in.tx)
	}
	return err
}

// letGo ends the transaction of a request.
func (in *inbound) letGo() {
	if in.tx != nil {
		in.tx.Terminate()
	}
}

// claim takes the right to answer a request that may outlive its call; false:
// somebody else has it.
func (in *inbound) claim() bool { return in.claimed.CompareAndSwap(false, true) }

// newCall makes the call that an initial INVITE asks for, or says why not.
func newCall(u *UA, e *endpoint, req *sipgo.Request, tx *sipgo.ServerTx) (*Call, error) {
	dialog, err := newUASDialog(req)
	if err != nil {
		return nil, err
	}
	timer, err := u.wantedTimer(req)
	if err != nil {
		return nil, err
	}
	replaced, err := u.replacedBy(req)
	if err != nil {
		return nil, err
	}
	dialog.Endpoint = e.listener.Name
	dialog.Host = e.hostFor(req.Source()).String()
	dialog.Port = int(e.local.Port())
	c := &Call{
		ua: u, endpoint: e,
		log:        u.log.With("call", dialog.CallID),
		id:         dialog.id(),
		merge:      mergeKey{dialog.CallID, dialog.RemoteTag, dialog.RemoteCSeq},
		inviteKey:  inviteKey(req),
		number:     dialled(req),
		source:     req.Source(),
		extras:     extrasOf(req),
		invitation: &inbound{req: req, tx: tx, done: make(chan struct{})},
		settled:    make(chan struct{}),
		returned:   make(chan struct{}),
		gone:       make(chan struct{}),
		renamed:    make(chan struct{}, 1),
		state:      state{session: session{Dialog: dialog, PeerUpdates: listed(req, "UPDATE", "allow"), PeerConfers: confers(req)}, Timer: timer},
	}
	c.replaces.Store(replaced)
	c.settle = sync.OnceFunc(func() {
		c.replaces.Store(nil) // or those who take over from one another would all be kept
		u.settle(c)
		close(c.settled)
	})
	identity := identityOf(req)
	c.identity.Store(&identity)
	c.infoKeys.Store(readsKeys(req))
	return c, nil
}

// dialled is the number in the Request-URI, unescaped (19.1.2) and without
// parameters of the user part.
func dialled(req *sipgo.Request) string {
	if strings.EqualFold(req.Recipient.Scheme, "tel") {
		return numberIn(req.Recipient.Raw())
	}
	return numberIn(req.Recipient.User)
}

// numberIn is the number in the user part of a URI.
func numberIn(user string) string {
	user, _, _ = strings.Cut(user, ";")
	if plain, err := url.PathUnescape(user); err == nil {
		user = plain
	}
	return clean(user)
}

// start begins the two goroutines of a call: the handler's, and run, which owns
// its signalling and comes and goes with the work.
func (c *Call) start() {
	if c.attended == nil {
		c.opened()
	}
	c.alarm = time.AfterFunc(time.Hour, c.mailbox.ring)
	c.mailbox.start(c.run)
	go c.attended() // ends when the handler returns; close waits for it
}

// opened makes what says that the call is over.
func (c *Call) opened() {
	ctx, cancel := context.WithCancel(context.Background())
	c.over, c.end = ctx.Done(), cancel
	c.attended = func() { c.handle(ctx) }
}

// handle runs the program's handler and cleans up behind it.
func (c *Call) handle(ctx context.Context) {
	defer c.mailbox.ring()
	defer close(c.returned)
	defer func() {
		if leg := c.leg.Load(); leg != nil {
			leg.Close()
		}
	}()
	defer c.Hangup("")
	defer c.recovered("handler")
	c.ua.handler(ctx, c)
}

// recovered keeps a panic, which is our own bug, within its call. To be deferred.
func (c *Call) recovered(where string) {
	if r := recover(); r != nil {
		c.ua.Counters.Panics.Add(1)
		c.log.Error("panic in a call: please report it", "in", where, "err", r, "stack", string(debug.Stack()))
	}
}

// ID is the Call-ID.
func (c *Call) ID() string { return c.id.CallID }

// Number is what the caller dialled, or, when we have called, what we dialled.
func (c *Call) Number() string { return c.number }

// Incoming says whether the INVITE was the peer's.
func (c *Call) Incoming() bool { return c.attempt == nil }

// Source is the address the INVITE came from, or went to, "host:port".
func (c *Call) Source() string { return c.source }

// Extra is the first X- header of that name in the INVITE that the peer has
// sent; empty without one, and when the INVITE was ours.
func (c *Call) Extra(name string) string { return c.extras[strings.ToLower(name)] }

// mostExtras is how many X- headers of an INVITE are kept, each of 200 bytes at
// most, under names of up to 64.
const mostExtras = 8

// extrasOf copies the X- headers of an INVITE, which does not live as long as
// its call.
func extrasOf(req *sipgo.Request) map[string]string {
	var extras map[string]string
	for _, h := range req.Headers() {
		name := strings.ToLower(h.Name())
		if _, known := extras[name]; known || !strings.HasPrefix(name, "x-") || len(name) > 64 || len(extras) >= mostExtras {
			continue
		}
		if extras == nil {
			extras = map[string]string{}
		}
		value := h.Value()
		extras[strings.Clone(name)] = strings.Clone(value[:min(len(value), 200)])
	}
	return extras
}

// Caller is the name and number of the peer; a re-INVITE or UPDATE may change it.
func (c *Call) Caller() (name, number string) {
	id := c.identity.Load()
	return id.Name, id.Number
}

// Renamed receives when Caller may have changed: somebody behind a PBX has
// been put on this call.
func (c *Call) Renamed() <-chan struct{} { return c.renamed }

// Leg is the media end; nil before Answer. When the handler of a call returns,
// or a call that we have made ends, it is closed, whoever has it then.
func (c *Call) Leg() *media.Leg { return c.leg.Load() }

// Done is closed when the call is over, whoever ended it.
func (c *Call) Done() <-chan struct{} { return c.over }

// Ended tells how the call ended; its zero value before that.
func (c *Call) Ended() Ending {
	if e := c.ending.Load(); e != nil {
		return *e
	}
	return Ending{}
}

// Reason is how the call ended, in a few words for the log; empty before that.
func (c *Call) Reason() string {
	e := c.ending.Load()
	switch {
	case e == nil:
		return ""
	case e.Reason == "" && e.ByPeer:
		return "hung up"
	case e.Reason == "":
		return "ended"
	}
	return e.Reason
}

// Focus makes user the user part of our Contact: a conference URI that leads
// back to the same room (RFC 4579 section 5.2). Before Ring or Answer; the
// number dialled serves otherwise.
func (c *Call) Focus(user string) {
	c.post(func() {
		if c.Phase == ringing {
			c.Dialog.Focus = user
		}
	})
}

// Ring tells the caller that it rings (180).
func (c *Call) Ring() {
	c.post(func() {
		if c.Phase != ringing || c.cancelled.Load() {
			return
		}
		req := c.invitation.req
		if listed(req, "100rel", "require") {
			return // who requires reliable provisional answers gets none (RFC 3262 section 3)
		}
		c.respond(c.invitation, c.ua.response(req, sipgo.StatusRinging, "Ringing", c.Dialog.contact()))
	})
}

// Answer accepts the call and returns when the caller has acknowledged that.
// An error means that there is no call: refused for its SDP, cancelled, no ACK.
func (c *Call) Answer(ctx context.Context) error {
	result := make(chan error, 1)
	if !c.post(func() { c.answer(result) }) {
		return ErrEnded
	}
	return c.await(ctx, result)
}

// await is the result of what was posted; an error without one when the call or
// ctx has ended.
func (c *Call) await(ctx context.Context, result <-chan error) error {
	select {
	case err := <-result:
		return err
	case <-c.over:
	case <-ctx.Done():
	}
	select {
	case err := <-result: // one that is there wins: it says why the call is over
		return err
	case <-c.over:
		return ErrEnded
	default:
		return ctx.Err()
	}
}

// Reject refuses a call that has not been answered; later it does nothing.
func (c *Call) Reject(code int, reason string, nameValues ...string) {
	c.order(OrderImage{Kind: toReject, Code: code, Reason: reason, Headers: nameValues})
}

// Hangup ends the call. The reason is sent to the peer (RFC 3326) and logged.
func (c *Call) Hangup(reason string) {
	c.order(OrderImage{Kind: toHangUp, Reason: reason})
}

// post sends f to the call's goroutine; false when the call is gone. It never
// blocks.
func (c *Call) post(f func()) bool { return c.mailbox.put(f) }

// onCancel may be called with sipgo's locks held: it never blocks.
func (c *Call) onCancel() {
	c.cancelled.Store(true)
	c.mailbox.ring()
}
