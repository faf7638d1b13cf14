package sip

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media"
)

// Media opens the media end of a call on a local address. *media.Engine is one.
type Media interface {
	Open(local netip.Addr) (*media.Leg, error)
}

// Config says how the user agent behaves. Immutable after New.
type Config struct {
	Listeners []Listener
	Media     Media
	Advertise netip.Addr     // address in Via, Contact and SDP; zero: the one that the peer reaches
	Trusted   []netip.Prefix // sources that are served; all others get 403
	UserAgent string         // Server and User-Agent header; empty: none
	Codecs    []*codec.Codec // in our order of preference

	SessionExpires time.Duration // RFC 4028; zero: 30 minutes
	MinSE          time.Duration // zero: 90 s, the least that RFC 4028 section 5 allows
	SilenceTimeout time.Duration // no RTP and no RTCP for so long: probed, then ended; zero: never

	Packages []Package       // of what somebody may be told (RFC 6665): conference and dialog
	Refer    ReferralHandler // what becomes of a REFER; nil: all are declined

	// What another process has left, by UA.Save; nil: nothing. Its listeners, its
	// sockets and its media are this one's now.
	Saved       *Image
	Legs        func(local netip.AddrPort) *media.Leg // those of Saved's calls, by where they receive RTP; nil: it is closed
	Descriptors []int                                 // of Saved.Lines, in their order; they are New's, also when it fails

	Log *slog.Logger // nil: discarded
}

// Handler is what the program does with a call. It runs on a goroutine of its
// own; ctx ends when the call does; its return hangs up.
type Handler func(ctx context.Context, call *Call)

// UA is the user agent: all endpoints and all calls.
type UA struct {
	Counters Counters

	config    Config
	handler   Handler
	log       *slog.Logger
	secret    [16]byte
	endpoints []*endpoint

	closed chan struct{} // the listeners are being closed
	shut   func()

	subscriptions subscriptions
	referring     sync.WaitGroup // the handlers of REFERs
	works         context.Context
	stopWork      context.CancelFunc // ends works: the UA is being closed

	names     resolver
	still     stillness
	receiving atomic.Int64 // late answers that are being acknowledged
	asking    atomic.Int64 // requests of ours, but for INVITEs that begin a call, that have no answer yet

	descriptors          []int   // of the lines that were saved; see Descriptors
	restored             []*Call // those of Config.Saved, in its order
	beginning            []*Call // those that Start begins; the INVITEs of the others do
	resumedReferrals     []*Referral
	resumedSubscriptions []*subscription
	resumedPartings      []*parting

	mu       sync.Mutex
	draining bool
	all      map[*Call]struct{}
	calls    map[dialogID]*Call // by their dialogs; one that rings in several places has several
	invites  map[string]*Call   // INVITEs without a final answer, by inviteKey
	merges   map[mergeKey]seen
	overtook map[string]*overtaker // CANCELs that came before their INVITE
	outgoing map[string]*Call      // INVITEs of ours without a final answer, by branch
	late     map[string]*aftermath // those that have had it within the last 32 s
	refers   int                   // REFERs whose handlers have not returned
	watches  map[*watch]struct{}

	before map[answerKey]AnswerImage // what other processes have answered; nobody changes it after New

	partings  map[*parting]struct{}  // BYEs that no call waits for
	referrals map[*Referral]struct{} // those whose handlers have not returned
	resuming  map[string]*Call       // restored ones, whose INVITEs are to come once more, by inviteKey

	running sync.WaitGroup // endpoints
	alive   sync.WaitGroup // calls
}

// New makes a user agent on open listeners; Start lets it read them.
func New(config Config, handler Handler) (*UA, error) {
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	if config.SessionExpires == 0 {
		config.SessionExpires = 30 * time.Minute
	}
	if config.MinSE == 0 {
		config.MinSE = 90 * time.Second
	}
	if config.Media == nil || len(config.Codecs) == 0 || len(config.Listeners) == 0 {
		return nil, errors.New("sip: a user agent needs listeners, media and codecs")
	}
	u := &UA{
		config: config, handler: handler, log: config.Log,
		names: net.DefaultResolver,
		all:   map[*Call]struct{}{}, calls: map[dialogID]*Call{}, invites: map[string]*Call{}, merges: map[mergeKey]seen{},
		overtook: map[string]*overtaker{}, outgoing: map[string]*Call{}, late: map[string]*aftermath{}, watches: map[*watch]struct{}{},
		closed:   make(chan struct{}),
		partings: map[*parting]struct{}{}, referrals: map[*Referral]struct{}{}, resuming: map[string]*Call{},
	}
	u.shut = sync.OnceFunc(func() { close(u.closed) })
	u.works, u.stopWork = context.WithCancel(context.Background())
	rand.Read(u.secret[:])
	if config.Saved != nil {
		u.secret = config.Saved.Secret
	}
	if err := u.listen(config.Listeners, config.Saved); err != nil {
		closeDescriptors(config.Descriptors)
		return nil, err
	}
	if config.Saved != nil {
		u.adoptLines(config.Saved.Lines, config.Descriptors)
		u.config.Saved, u.config.Descriptors, u.config.Legs = nil, nil, nil // it is large, and so is what Legs knows
	}
	return u, nil
}

// listen makes the endpoints, and what was saved of their dialogs.
func (u *UA) listen(listeners []Listener, saved *Image) error {
	for _, listener := range listeners {
		e, err := newEndpoint(u, listener)
		if err != nil {
			return err
		}
		u.endpoints = append(u.endpoints, e)
	}
	if saved == nil {
		return nil
	}
	return u.restore(saved)
}

// Start reads the listeners. It returns when requests may be sent from them.
func (u *UA) Start() {
	for _, e := range u.endpoints {
		u.running.Go(func() { e.serve(u.closed) })
	}
	for _, e := range u.endpoints {
		e.ready()
	}
	for _, e := range u.endpoints {
		e.resumeLines() // those of the process before
	}
	u.goOn()
}

// endpointFor finds the endpoint that a request in a dialog leaves from: the
// one that the call came in by, unless the next hop asks for the other
// transport and we listen on it.
func (u *UA) endpointFor(own *endpoint, req *sipgo.Request) *endpoint {
	if req.Transport() == own.network {
		return own
	}
	via := req.Via()
	for _, e := range u.endpoints {
		if e.network == req.Transport() && e.local.Addr().Is4() == own.local.Addr().Is4() {
			via.Port = int(e.local.Port())
			return e
		}
	}
	req.SetTransport(own.network)
	via.Transport = own.network
	return own
}

// Drain refuses new calls with 503 from now on; calls in progress go on.
func (u *UA) Drain() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.draining = true
}

// Calls tells how many calls there are, ringing ones included.
func (u *UA) Calls() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.all)
}

// Close drains, hangs up every call, waits for their BYEs to be answered and
// for their handlers to return, at most as long as ctx allows, and closes the
// listeners. The error is ctx's when calls were left.
func (u *UA) Close(ctx context.Context, reason string) error {
	u.Drain()
	u.Resume()
	u.stopWork()
	u.endSubscriptions()
	for _, call := range u.snapshot() {
		call.Hangup(reason)
	}
	gone, told := make(chan struct{}), make(chan struct{})
	go func() { // ends with the last call
		u.alive.Wait()
		u.referring.Wait()
		close(gone)
	}()
	go func() { // ends with the last subscription
		u.subscriptions.alive.Wait()
		close(told)
	}()
	var err error
	late := time.AfterFunc(lastWord, u.dropSubscriptions)
	defer late.Stop()
	for range 2 {
		select {
		case <-gone:
			gone = nil
		case <-told:
			told = nil
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	u.dropSubscriptions()
	u.shut()
	for _, e := range u.endpoints {
		e.closeSocket()
	}
	u.running.Wait()
	for _, e := range u.endpoints {
		e.closeLayers()
	}
	return err
}

// lastWord is how long the answer to a subscriber's last NOTIFY is waited for
// when the server ends: he may have been switched off an hour ago.
const lastWord = time.Second

func (u *UA) snapshot() []*Call {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Collect(maps.Keys(u.all))
}

func (u *UA) closing() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.draining
}

// register makes a call findable. It is refused while draining and when the
// same INVITE is known by another way; errKnown says that the very same INVITE
// is being served, so that this one is a late duplicate.
func (u *UA) register(call *Call) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.draining {
		return refuse(503, "Service Unavailable", "Retry-After", "10")
	}
	switch known, ok := u.merges[call.merge]; {
	case ok && known.inviteKey == call.inviteKey:
		return errKnown
	case ok && known.ongoing:
		// The same INVITE has reached us by another way (8.2.2.2). Once that
		// one is over, this is a proxy's next try.
		return refuse(482, "Loop Detected")
	}
	u.calls[call.id] = call
	u.invites[call.inviteKey] = call
	u.merges[call.merge] = seen{call.inviteKey, true, time.Time{}}
	u.all[call] = struct{}{}
	u.alive.Add(1)
	if cancel := u.overtook[call.inviteKey]; cancel != nil {
		delete(u.overtook, call.inviteKey)
		close(cancel.found)
		call.overtaken = cancel
	}
	return nil
}

// knows tells whether that very INVITE is, or was of late, a call.
func (u *UA) knows(req *sipgo.Request) bool {
	from, _ := req.From().Params.Get("tag")
	u.mu.Lock()
	defer u.mu.Unlock()
	known, ok := u.merges[mergeKey{req.CallID().Value(), from, req.CSeq().SeqNo}]
	return ok && known.inviteKey == inviteKey(req)
}

// settle forgets the INVITE of a call: it has its final answer.
func (u *UA) settle(call *Call) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.invites, call.inviteKey)
}

func (u *UA) forget(call *Call) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if call.attempt != nil {
		u.unjoin(call)
		u.strike(call)
		return
	}
	merge, over := call.merge, seen{call.inviteKey, false, time.Now().Add(64 * t1)}
	ours := u.merges[merge].inviteKey == call.inviteKey
	u.drop(call)
	if !ours {
		return // a proxy's next try has taken its place
	}
	// A duplicate of the INVITE may still be on its way (RFC 6026 section 7.1);
	// sipgo's transaction, which would absorb it, went with the ACK.
	u.overlook(merge, over)
}

// overlook has duplicates of an INVITE do nothing for a time. The lock is held.
func (u *UA) overlook(merge mergeKey, over seen) {
	u.merges[merge] = over
	time.AfterFunc(time.Until(over.until), func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		if u.merges[merge] == over {
			delete(u.merges, merge)
		}
	})
}

// conclude says that the INVITE of a call is about to be refused: what comes by
// another way from now on is a next try.
func (u *UA) conclude(call *Call) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.merges[call.merge].inviteKey == call.inviteKey {
		u.merges[call.merge] = seen{call.inviteKey, false, time.Time{}}
	}
}

// abandon undoes register for a call that was never started: the next
// retransmission of its INVITE begins afresh.
func (u *UA) abandon(call *Call) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.drop(call)
}

// drop takes a call off the books. The lock is held.
func (u *UA) drop(call *Call) {
	delete(u.calls, call.id)
	delete(u.invites, call.inviteKey)
	if u.merges[call.merge].inviteKey == call.inviteKey {
		delete(u.merges, call.merge)
	}
	u.strike(call)
}

// strike takes it off the list. The lock is held.
func (u *UA) strike(call *Call) {
	delete(u.all, call)
	u.alive.Done()
}

// enrol takes a call of our own on the books.
func (u *UA) enrol(call *Call) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.draining {
		return ErrDraining
	}
	u.all[call] = struct{}{}
	u.alive.Add(1)
	return nil
}

// join makes a call of our own findable by a dialog of its. The lock is held.
func (u *UA) join(call *Call, id dialogID) {
	if len(call.joined) <= mostEarly && u.calls[id] == nil {
		u.calls[id] = call
		call.joined = append(call.joined, id)
	}
}

// part undoes all joins of a call but these.
func (u *UA) part(call *Call, but ...dialogID) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.unjoin(call)
	for _, id := range but {
		u.join(call, id)
	}
}

// unjoin is part with the lock held.
func (u *UA) unjoin(call *Call) {
	for _, id := range call.joined {
		delete(u.calls, id)
	}
	call.joined = nil
}

// expect has the responses to an INVITE go to its call.
func (u *UA) expect(call *Call, branch string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.outgoing[branch] = call
}

// remember has them go to what is left of the INVITE, for 32 s.
func (u *UA) remember(branch string, late *aftermath) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.outgoing, branch)
	late.until = time.Now().Add(64 * t1)
	u.keepLate(branch, late)
}

// keepLate is remember with the lock held, until it is time.
func (u *UA) keepLate(branch string, late *aftermath) {
	u.late[branch] = late
	time.AfterFunc(time.Until(late.until), func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		delete(u.late, branch)
	})
}

// answered says that a request has its final answer, whatever endpoint it came by.
func (u *UA) answered(tx *sipgo.ServerTx) {
	for _, e := range u.endpoints {
		e.coming.answered(tx)
	}
}

func (u *UA) find(id dialogID) *Call {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.calls[id]
}

// seen is an INVITE that is, or within the last 32 s was, a call.
type seen struct {
	inviteKey string
	ongoing   bool
	until     time.Time // when it may be forgotten; zero: not before its call
}

// mergeKey is what requests that took different ways have in common.
type mergeKey struct {
	CallID, RemoteTag string
	CSeq              uint32
}

var errKnown = errors.New("the dialog exists already")

var hostname = sync.OnceValues(os.Hostname)
