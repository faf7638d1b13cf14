package sipp

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sipconf/sipconf/bench/phone"
)

// run bounds a run and skips (fails in CI) where SIPp is not installed.
func run(t *testing.T, scenario, server string, o Options) (Result, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := Run(ctx, scenario, server, o)
	if errors.Is(err, ErrMissing) {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return r, err
}

// TestScenariosAgainstAPhone tests the scenarios themselves: a phone that picks up is a server that does all they ask
// for, but for CANCEL before INVITE and the session timer, which only a conference server must know.
func TestScenariosAgainstAPhone(t *testing.T) {
	p, err := phone.New(phone.Config{Local: netip.MustParseAddrPort("127.0.0.1:0"), Number: "5234",
		Answer: func(in *phone.Incoming) {
			in.Ring()
			call, err := in.Accept()
			if err != nil {
				t.Errorf("accept: %v", err)
				return
			}
			if err := call.AwaitTone(t.Context(), 440, -20, 1); err != nil {
				t.Errorf("the sound that sipp plays: %v", err)
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	for _, scenario := range []string{"basic", "late_offer", "hold", "reinvite"} {
		t.Run(scenario, func(t *testing.T) {
			t.Parallel()
			r, err := run(t, scenario, p.Addr().String(), Options{Calls: 3})
			if err != nil {
				t.Fatal(err)
			}
			if r.Successful != 3 || r.Failed != 0 || r.Created != 3 {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestAFailureIsSaid(t *testing.T) {
	p, err := phone.New(phone.Config{Local: netip.MustParseAddrPort("127.0.0.1:0"),
		Answer: func(in *phone.Incoming) { in.Reject(486) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	r, err := run(t, "basic", p.Addr().String(), Options{})
	if err == nil || r.Failed != 1 || !strings.Contains(err.Error(), "486") {
		t.Errorf("a refused call: %+v, %v", r, err)
	}
	if _, err := run(t, "nothing", p.Addr().String(), Options{}); err == nil || !strings.Contains(err.Error(), "basic") {
		t.Errorf("an unknown scenario: %v", err)
	}
}
