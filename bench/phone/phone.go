package phone

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// Config describes a phone. The zero value of each field but Local is the default.
type Config struct {
	Local     netip.AddrPort // SIP address; a concrete one, port 0: any. RTP uses the same address
	Transport string         // "udp" (default) or "tcp"
	Name      string         // display name
	Number    string         // user part of From and Contact; default "phone"
	Codecs    []Codec        // preference; default PCMA, PCMU
	Ptime     time.Duration  // length of the packets sent: 10 to 60 ms in steps of 5; default 20 ms
	RTPPort   uint16         // of the first call, even; 0: any
	User      string         // for digest authentication; default Number
	Password  string         // empty: challenges are not answered
	Pump      *Pump          // shared clock; nil: one of its own
	Memory    time.Duration  // how much of what is heard is kept for Hear; default 2 s
	Loyal     bool           // hears RTP from where the peer's SDP says alone, which makes a packet cheaper: for a load of many calls

	// Challenge makes the phone ask callers for a password; nil: it does not.
	Challenge *Challenge
	// Answer is called for each incoming call, on its own goroutine, which Close waits for. nil: 480 to all.
	Answer func(*Incoming)
	// Request sees each request within a call before it is served. A status other than 0 is answered instead (491 for
	// a test of glare, say). It must not block.
	Request func(c *Call, m *Message) (status int)
	// Trace sees each SIP message as it is on the wire. It must not block.
	Trace func(sent bool, b []byte)
	// NoGlareRetry gives a 491 to the caller at once; default: RFC 3261 14.1, wait and offer again.
	NoGlareRetry bool
}

// Phone is one telephone: a SIP socket with a name. Safe for concurrent use.
type Phone struct {
	cfg     Config
	wires   *wires
	ownPump bool
	stop    chan struct{}
	wg      sync.WaitGroup // handlers and retransmissions; Close waits
	once    sync.Once

	mu       sync.Mutex
	waiting  map[string]chan *Message // client transactions, by branch and method
	replies  map[string]reply         // what a retransmission gets again
	calls    map[string]*Call         // by Call-ID and our tag: of one INVITE that was forked there may be several
	watches  map[string]*Watch        // likewise
	incoming map[string]*Incoming     // not answered yet, by branch
	nonces   map[string]int           // how often each was used, of those that Config.Challenge has given out
	closing  bool
}

// reply is the last answer to something that may come again.
type reply struct {
	by path
	b  []byte
	at time.Time
}

// New opens a phone's SIP socket.
func New(cfg Config) (*Phone, error) {
	if !cfg.Local.IsValid() || cfg.Local.Addr().IsUnspecified() {
		return nil, fmt.Errorf("phone: local address %s is not concrete", cfg.Local)
	}
	if cfg.Transport == "" {
		cfg.Transport = "udp"
	}
	if cfg.Transport != "udp" && cfg.Transport != "tcp" {
		return nil, fmt.Errorf("phone: transport %q", cfg.Transport)
	}
	if cfg.Number == "" {
		cfg.Number = "phone"
	}
	if cfg.User == "" {
		cfg.User = cfg.Number
	}
	if len(cfg.Codecs) == 0 {
		cfg.Codecs = []Codec{PCMA, PCMU}
	}
	if cfg.Ptime == 0 {
		cfg.Ptime = 20 * time.Millisecond
	}
	if cfg.Ptime < 10*time.Millisecond || cfg.Ptime > 60*time.Millisecond || cfg.Ptime%beat != 0 {
		return nil, fmt.Errorf("phone: ptime %s", cfg.Ptime)
	}
	if cfg.Memory == 0 {
		cfg.Memory = 2 * time.Second
	}
	p := &Phone{cfg: cfg, stop: make(chan struct{}), waiting: map[string]chan *Message{}, replies: map[string]reply{},
		calls: map[string]*Call{}, watches: map[string]*Watch{}, incoming: map[string]*Incoming{}, nonces: map[string]int{}}
	// The readers begin before wires is known to the phone; the lock holds their first message until it is.
	p.mu.Lock()
	defer p.mu.Unlock()
	var err error
	if p.wires, err = openWires(cfg.Local, cfg.Transport, p.receive, cfg.Trace); err != nil {
		return nil, err
	}
	if cfg.Pump == nil {
		p.cfg.Pump, p.ownPump = NewPump(), true
	}
	return p, nil
}

// Addr is the address of the SIP socket.
func (p *Phone) Addr() netip.AddrPort { return p.wires.local() }

// URI is what others dial to reach this phone directly.
func (p *Phone) URI() string {
	if p.cfg.Transport == "tcp" {
		return fmt.Sprintf("sip:%s@%s;transport=tcp", p.cfg.Number, p.Addr())
	}
	return fmt.Sprintf("sip:%s@%s", p.cfg.Number, p.Addr())
}

// Request sends a request outside of any call, OPTIONS for instance, and returns its final response, of whatever status.
func (p *Phone) Request(ctx context.Context, method, uri string, headers ...Header) (*Message, error) {
	d := dialog{callID: strings.ToLower(rand.Text()), local: p.nameAddr() + ";tag=" + newTag(), remote: "<" + uri + ">", target: uri}
	by, err := p.next(ctx, &d)
	if err != nil {
		return nil, err
	}
	m := p.inDialog(&d, method)
	for _, h := range headers {
		m.set(h.Name, h.Value)
	}
	return p.transact(ctx, by, m)
}

// Calls returns the calls that are up.
func (p *Phone) Calls() []*Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]*Call, 0, len(p.calls))
	for _, c := range p.calls {
		all = append(all, c)
	}
	return all
}

// Close hangs up what is still up (waiting a second at most) and closes the phone. Idempotent.
func (p *Phone) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for _, c := range p.Calls() {
		wg.Go(func() { _ = c.Hangup(ctx) })
	}
	wg.Wait()
	p.Vanish()
}

// errClosed is the end of calls that were up when the phone vanished.
var errClosed = errors.New("phone closed")

// Vanish closes the phone as a power cut does: no BYE, no RTCP BYE, nothing answers any more. Idempotent.
func (p *Phone) Vanish() {
	p.once.Do(func() {
		p.mu.Lock()
		p.closing = true
		ringing := p.incoming
		p.incoming = map[string]*Incoming{}
		p.mu.Unlock()
		for _, in := range ringing {
			in.cancel()
		}
		for _, c := range p.Calls() {
			c.StopMedia()
			c.end(Ending{Err: errClosed})
		}
		close(p.stop)
		p.wires.close()
		p.wg.Wait()
		if p.ownPump {
			p.cfg.Pump.Close()
		}
	})
}

// background runs f on a goroutine that Close waits for; f ends when p.stop is closed.
func (p *Phone) background(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closing {
		p.wg.Go(f)
	}
}

// call is the one that a request of the peer belongs to, as far as Call-ID and our tag tell.
func (p *Phone) call(m *Message) *Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[m.Header("Call-ID")+" "+tag(m.Header("To"))]
}

func (c *Call) key() string { return c.dialog.callID + " " + c.dialog.localTag }

// keepCall enters a call; false if the phone is closing.
func (p *Phone) keepCall(c *Call) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing {
		return false
	}
	p.calls[c.key()] = c
	return true
}

func (p *Phone) forgetCall(c *Call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.calls[c.key()] == c {
		delete(p.calls, c.key())
	}
}
