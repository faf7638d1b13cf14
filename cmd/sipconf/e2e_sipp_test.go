//go:build e2e

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sipconf/sipconf/bench/phone"
	"github.com/sipconf/sipconf/bench/sipp"
	"github.com/sipconf/sipconf/rooms/plan"
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
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t, func(cfg *Config) {
				cfg.Numbers = append(cfg.Numbers, plan.Rule{Pattern: "conference", Factory: true}, plan.Rule{Pattern: "_[n]way.", Room: "${EXTEN}"})
			})
			for _, scenario := range sipp.Scenarios() {
				if _, refers := referring[scenario]; refers || scenario == "invite" || scenario == "brief" {
					continue // TestE2ESIPpRefers, TestE2ESIPpInvites and TestE2ESignallingDuringUpgrades
				}
				options := sipp.Options{Calls: 5, Rate: 5, Transport: transport}
				switch scenario {
				case "load":
					options.Calls, options.Rate = 200, 20
				case "subscribe", "subscribe_end":
					options.Calls = 1 // whoever comes besides would be told of as well
				case "lamp_lit":
					options.Calls, options.Number = 1, "5299" // likewise
				}
				o.played(t, scenario, options)
			}
			o.played(t, "basic", sipp.Options{Calls: 5, Rate: 5, Transport: transport, Number: "nway483920"})
			o.eventually("nothing is left", func() bool {
				return o.ua.Calls() == 0 && len(o.ua.Subscriptions()) == 0 && o.rooms.Stats().Rooms == 0 && o.engine.Stats().Legs == 0
			})
		})
	}
}

// played plays a scenario: all calls of it are good.
func (o *office) played(t *testing.T, scenario string, options sipp.Options) {
	t.Run(scenario, func(t *testing.T) {
		server := strings.TrimPrefix(strings.TrimSuffix(o.uri("x", options.Transport, true), ";transport=tcp"), "sip:x@")
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

// referring are the scenarios of REFER, and how many calls of each go at once.
var referring = map[string]int{
	"refer": 5, "refer_moves": 5, "refer_fails": 1, "refer_outside": 5, "refer_replaces": 5, "refer_removes": 1, "refer_nobody": 5, "refer_quiet": 5, "refer_enough": 1, "refer_refused": 5,
}

// TestE2ESIPpRefers runs the scenarios that ask a room to call somebody. Anna is in it; whoever is called comes, but for 299 who is busy, 297 who declines, 296 who is
// not known, 295 whose call is gone, and 298 who is called for ever. What is left when SIPp and they have hung up is Anna; she may be sent away by 100, the host.
func TestE2ESIPpRefers(t *testing.T) {
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			o, trunk := newTrunkOffice(t, func(cfg *Config) { cfg.Menus.Hosts = []string{"100"} })
			for number, does := range map[string]func(*phone.Incoming){"299": rejects(486), "297": rejects(603), "296": rejects(404), "295": rejects(481), "298": neverAnswers} {
				trunk.when(number, does)
			}
			var replaced atomic.Int32
			for i := range referring["refer_replaces"] {
				trunk.when(fmt.Sprintf("2%d", i+1), func(in *phone.Incoming) {
					if in.Invite.Header("Replaces") == fmt.Sprintf("other%d@sipp;to-tag=1;from-tag=2", i+1) {
						replaced.Add(1)
					}
					trunk.picksUp(in)
				})
			}
			anna := o.joins(phone.Config{Name: "Anna", Number: "101"}, "5234", 400)
			for scenario, calls := range referring {
				before := len(trunk.calls())
				number := map[string]string{"refer_nobody": "7777"}[scenario]
				o.played(t, scenario, sipp.Options{Calls: calls, Rate: 5, Transport: transport, Number: number})
				if scenario == "refer_refused" && len(trunk.calls()) != before {
					t.Errorf("somebody was called: %q", trunk.calls()[before:])
				}
				if got, want := replaced.Swap(0), map[string]int{"refer_replaces": calls}[scenario]; int(got) != want {
					t.Errorf("%s: %d calls were to be taken over, want %d", scenario, got, want)
				}
				if scenario == "refer_removes" {
					wantHungUp(o, "Anna", anna)
					anna = o.joins(phone.Config{Name: "Anna", Number: "101"}, "5234", 400)
				}
				for _, call := range trunk.phone.Calls() {
					call.Hangup(o.soon())
				}
				o.eventually("Anna is alone", func() bool { return len(o.numbersIn("5234")) == 1 })
				o.hears("Anna", anna, nil, toneOf("21"), toneOf("25"))
				o.dialer.CancelRoom(o.conference("5234")) // 298
				o.eventually("nobody is told of anything", func() bool { return len(o.ua.Subscriptions()) == 0 && o.dialer.Stats().Dials == 0 })
			}
			o.nothingLeft(anna)
		})
	}
}

// TestE2ESIPpInvites: SIPp is in a room with Anna, and dials 205 by its recordings of keys: Fedor answers, and is in the room.
func TestE2ESIPpInvites(t *testing.T) {
	t.Parallel()
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
