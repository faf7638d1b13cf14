package ami

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// Config is what a Client needs. Immutable after New; Address, Username and Secret are required.
type Config struct {
	Address  string // host:port, such as "192.168.1.1:5038"
	Username string // a section of Asterisk's manager.conf
	Secret   string // its secret. It does not travel: Asterisk's challenge is answered with it

	// Hear gets each event of the class user, one at a time. Its context ends with the Client. Those that come while sixteen
	// wait for it are lost. nil: nobody hears.
	Hear func(ctx context.Context, c *Client, event Message)
	// Dial makes the connection; nil: over TCP.
	Dial func(ctx context.Context, address string) (net.Conn, error)
	Log  *slog.Logger // nil: nothing is logged
}

const (
	connectTime = 5 * time.Second  // for a connection to be made
	answerTime  = 5 * time.Second  // for a response; who takes longer is dead
	pingEvery   = 15 * time.Second // how often Asterisk is asked for a sign of life
	queueSize   = 16               // events that wait for Hear

	// Between two attempts it is so long, twice that next time, and so on; each time somewhere from half of it to the whole, so
	// that several clients of an Asterisk that starts anew do not come at once. Refused logins are further apart: whoever watches
	// Asterisk's log for people who try secrets would lock us out, and nothing but an operator mends them.
	firstPause, lastPause               = time.Second, 30 * time.Second
	firstRefusedPause, lastRefusedPause = 5 * time.Second, 5 * time.Minute
)

// ErrDown is the error of whoever asks something of a Client that has no session.
var ErrDown = errors.New("there is no connection to Asterisk's manager")

// Client has a session with one Asterisk whenever that is there. Safe for concurrent use. Create it with New.
type Client struct {
	cfg    Config
	events chan Message
	end    context.CancelFunc
	work   sync.WaitGroup

	mu      sync.Mutex
	session *session // nil: none is logged in
	stats   Stats    // but for Up, and the session's own figures
}

// Stats is what a Client counts.
type Stats struct {
	Up      bool   // whether there is a session
	Logins  uint64 // sessions so far
	Dropped uint64 // events that nobody heard, because they were too many or too large
}

// New makes a client and begins to connect. Close ends it.
func New(cfg Config) *Client {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Dial == nil {
		cfg.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", address)
		}
	}
	ctx, end := context.WithCancel(context.Background())
	c := &Client{cfg: cfg, end: end, events: make(chan Message, queueSize)}
	c.work.Go(func() { c.connect(ctx) }) // both end with ctx, in Close
	c.work.Go(func() { c.hear(ctx) })
	return c
}

// Close ends the session and waits for all goroutines. Safe to call twice; not from Hear.
func (c *Client) Close() {
	c.end()
	c.work.Wait()
}

// Stats is the figures of now.
func (c *Client) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stats
	if c.session != nil {
		s.Up = true
		s.Dropped += c.session.in.skipped.Load()
	}
	return s
}

// Ask sends an action and returns Asterisk's response, which may be that it refuses. The error is ErrDown, or says why there is no
// response.
func (c *Client) Ask(ctx context.Context, action Message) (Message, error) {
	c.mu.Lock()
	s := c.session
	c.mu.Unlock()
	if s == nil {
		return nil, ErrDown
	}
	return s.ask(ctx, action)
}

// connect has one session after the other until ctx ends.
func (c *Client) connect(ctx context.Context) {
	var told string // the trouble that the operator knows of
	for failures := 0; ; failures++ {
		began := c.Stats().Logins
		err := c.serve(ctx)
		if ctx.Err() != nil {
			return
		}
		if c.Stats().Logins != began {
			failures, told = 0, ""
		}
		level := slog.LevelWarn
		if told == err.Error() {
			level = slog.LevelDebug
		}
		told = err.Error()
		c.cfg.Log.Log(ctx, level, "no connection to Asterisk's manager, so *1 between two phones does nothing; will go on trying", "pbx", c.cfg.Address, "err", err)
		select {
		case <-time.After(pause(failures, err)):
		case <-ctx.Done():
			return
		}
	}
}

// pause is how long to wait after that many failures and this one.
func pause(failures int, err error) time.Duration {
	next, last := firstPause, lastPause
	var refused *refusal
	if errors.As(err, &refused) {
		next, last = firstRefusedPause, lastRefusedPause
	}
	for ; failures > 0 && next < last; failures-- {
		next *= 2
	}
	next = min(next, last)
	return next/2 + rand.N(next/2)
}

// serve has one session, and returns why there is none, or none any more.
func (c *Client) serve(ctx context.Context) error {
	dialling, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	conn, err := c.cfg.Dial(dialling, c.cfg.Address)
	if err != nil {
		return explainDial(err)
	}
	s := newSession(conn, c.keep)
	defer s.close()
	defer context.AfterFunc(ctx, func() { s.fail(net.ErrClosed) })()
	if err := s.login(ctx, c.cfg.Username, c.cfg.Secret); err != nil {
		return err
	}
	c.begin(s)
	defer c.finish(s)
	c.cfg.Log.Info("connected to Asterisk's manager", "pbx", c.cfg.Address)
	return s.live(ctx)
}

func (c *Client) begin(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session = s
	c.stats.Logins++
}

func (c *Client) finish(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session = nil
	c.stats.Dropped += s.in.skipped.Load()
}

// keep puts an event where Hear finds it. It does not wait.
func (c *Client) keep(event Message) {
	select {
	case c.events <- event:
	default:
		c.mu.Lock()
		c.stats.Dropped++
		c.mu.Unlock()
	}
}

// hear hands the events over.
func (c *Client) hear(ctx context.Context) {
	for {
		select {
		case event := <-c.events:
			if c.cfg.Hear != nil {
				c.cfg.Hear(ctx, c, event)
			}
		case <-ctx.Done():
			return
		}
	}
}
