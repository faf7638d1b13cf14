package phone

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var loopback = netip.MustParseAddrPort("127.0.0.1:0")

// pair is two phones on one pump that only the test moves: a second of sound passes in a millisecond.
type pair struct {
	t        *testing.T
	ctx      context.Context
	pump     *Pump
	now      time.Time
	ann, bob *Phone
	answered chan *Call
	to, at   *Call // ann's end and bob's end of the call
}

// newPair makes the two phones; bob picks up at once. change may alter the configuration of each ("ann", "bob").
func newPair(t *testing.T, change func(name string, cfg *Config)) *pair {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	p := &pair{t: t, ctx: ctx, pump: newStoppedPump(), now: time.Now(), answered: make(chan *Call, 10)}
	pick := func(in *Incoming) {
		in.Ring()
		c, err := in.Accept()
		if err != nil {
			t.Errorf("bob picks up: %v", err)
			return
		}
		p.answered <- c
	}
	make := func(name string, answer func(*Incoming)) *Phone {
		cfg := Config{Local: loopback, Name: name, Number: name, Pump: p.pump, Answer: answer}
		if change != nil {
			change(name, &cfg)
		}
		ph, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(ph.Close)
		return ph
	}
	p.ann, p.bob = make("ann", nil), make("bob", pick)
	return p
}

// connect makes the call.
func (p *pair) connect(options ...Option) {
	p.t.Helper()
	var err error
	if p.to, err = p.ann.Call(p.ctx, p.bob.URI(), options...); err != nil {
		p.t.Fatal(err)
	}
	p.at = <-p.answered
	p.awaitACK()
}

// awaitACK waits for ann's ACK to reach bob: it may carry the answer.
func (p *pair) awaitACK() {
	p.t.Helper()
	p.spin("bob has the ACK", p.at.Acknowledged)
}

// spin lets sound pass until cond holds.
func (p *pair) spin(what string, cond func() bool) {
	p.t.Helper()
	for !cond() {
		if p.ctx.Err() != nil {
			p.t.Fatalf("waited in vain: %s", what)
		}
		p.passes(beat)
	}
}

// passes lets d of sound pass.
func (p *pair) passes(d time.Duration) {
	for ; d > 0; d -= beat {
		p.now = p.now.Add(beat)
		p.pump.step(p.now)
	}
}

// during runs f while sound passes.
func (p *pair) during(f func() error) {
	p.t.Helper()
	result := make(chan error, 1)
	go func() { result <- f() }()
	var err error
	p.spin("an action to end", func() bool {
		select {
		case err = <-result:
			return true
		default:
			return false
		}
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

func wantLevel(t *testing.T, who string, c *Call, hz, want, tolerance float64) {
	t.Helper()
	if got := c.Hear(hz); got < want-tolerance || got > want+tolerance {
		t.Errorf("%s hears %.0f Hz at %.2f dBFS, want %.2f give or take %.2f", who, hz, got, want, tolerance)
	}
}

func wantQuiet(t *testing.T, who string, c *Call, hz, limit float64) {
	t.Helper()
	if got := c.Hear(hz); got > limit {
		t.Errorf("%s hears %.0f Hz at %.2f dBFS, want less than %.0f", who, hz, got, limit)
	}
}

// traceTo writes all SIP of a phone to the standard error when PHONE_TRACE is set.
func traceTo(name string) func(bool, []byte) {
	if os.Getenv("PHONE_TRACE") == "" {
		return nil
	}
	return func(sent bool, b []byte) { fmt.Fprintf(os.Stderr, "--- %s sent=%t\n%s\n", name, sent, b) }
}
