//go:build e2e

package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/sipconf/sipconf/bench/phone"
	"github.com/sipconf/sipconf/bench/sipp"
)

// sippMissing skips aloud, or fails in CI, where the tools must be there.
func sippMissing(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, sipp.ErrMissing) {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("SIPp is not installed: .ci/tools.sh should have done that")
	}
	t.Skip("SKIPPED: SIPp is not installed: apt-get install sip-tester")
}

// TestE2ESIPp runs every scenario of bench/sipp against the server: a check by
// a tool that knows nothing of this project.
func TestE2ESIPp(t *testing.T) {
	o := newOffice(t, nil)
	for _, transport := range []string{"udp", "tcp"} {
		server := strings.TrimPrefix(strings.TrimSuffix(o.uri("x", transport, true), ";transport=tcp"), "sip:x@")
		for _, scenario := range sipp.Scenarios() {
			if scenario == "invite" {
				continue // TestE2ESIPpInvites
			}
			t.Run(transport+" "+scenario, func(t *testing.T) {
				options := sipp.Options{Calls: 5, Rate: 5, Transport: transport}
				if scenario == "load" {
					options.Calls, options.Rate = 200, 20
				}
				result, err := sipp.Run(context.Background(), scenario, server, options)
				sippMissing(t, err)
				if err != nil {
					t.Fatal(err)
				}
				t.Logf("%+v", result)
				if result.Failed != 0 || result.Successful != options.Calls {
					t.Errorf("%d of %d calls failed", result.Failed, options.Calls)
				}
			})
		}
	}
	o.eventually("nobody is left", func() bool { return o.ua.Calls() == 0 })
}

// TestE2ESIPpInvites: SIPp is in a room with Anna, and dials 205 by its recordings of keys: Fedor answers, and is in the room.
func TestE2ESIPpInvites(t *testing.T) {
	if os.Geteuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("SIPp needs root to play its recordings of keys")
		}
		t.Skip("SKIPPED: SIPp needs root to play its recordings of keys")
	}
	if _, err := exec.LookPath("sipp"); err != nil {
		sippMissing(t, sipp.ErrMissing)
	}
	o, trunk := newTrunkOffice(t, nil)
	anna := o.joins(phone.Config{Name: "Anna", Number: "101"}, "5234", 400)
	server := strings.TrimPrefix(o.uri("x", "udp", true), "sip:x@")
	played := make(chan error, 1)
	go func() {
		_, err := sipp.Run(context.Background(), "invite", server, sipp.Options{})
		played <- err
	}()
	fedor := trunk.answered("205")
	o.hears("Anna", anna, []float64{toneOf("205")})
	o.hears("Fedor", fedor, []float64{400})
	err := <-played
	sippMissing(t, err)
	if err != nil {
		t.Error(err)
	}
}
