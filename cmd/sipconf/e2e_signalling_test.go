//go:build e2e

package main

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/sipconf/sipconf/bench/sipp"
)

// SIPp makes a hundred calls a second, each of about a second, and meanwhile the server is replaced three times: every call is answered and ended, whichever process
// it meets. SIPp fails a call that gets another answer than it should, 481 for instance, and counts what it had to say twice.
func TestE2ESignallingDuringUpgrades(t *testing.T) {
	t.Parallel()
	metrics := unusedAddress(t).String()
	s := succeedWith(t, func(s *succeeded) string {
		return fmt.Sprintf("sip: {listen: [\"udp://127.0.0.1:%d\"]}\nmedia: {ports: 22000-23999, level: false}\n"+
			"rooms: {max_participants: 1000, max_legs: 1000, tones: false}\nmetrics: {listen: %q}\nctl: {socket: %q}\n", s.port, metrics, s.socket)
	}, "1.0.1", "1.0.2")
	const calls, rate = 1200, 100
	type outcome struct {
		sipp.Result
		err error
	}
	played := make(chan outcome, 1)
	go func() { // ends with SIPp, which is bounded
		r, err := sipp.Run(context.Background(), "brief", fmt.Sprintf("127.0.0.1:%d", s.port), sipp.Options{Calls: calls, Rate: rate})
		played <- outcome{r, err}
	}()
	dialogs := func() float64 { return figuresAt(t, metrics)["sipconf_dialogs"] }
	upgrades := 0
	for _, to := range []string{"1.0.2", "1.0.1", "1.0.2"} {
		s.eventually("calls come and go", func() bool { return dialogs() > rate/4 || len(played) > 0 })
		if len(played) > 0 {
			break // SIPp is missing, or has failed
		}
		s.upgrades(to)
		upgrades++
	}
	early := len(played) > 0
	result := <-played
	sippMissing(t, result.err)
	if result.err != nil {
		t.Fatal(result.err)
	}
	t.Logf("%+v", result.Result)
	if upgrades != 3 || early {
		t.Errorf("there were %d upgrades before SIPp had ended", upgrades)
	}
	if result.Successful != calls || result.Failed != 0 {
		t.Errorf("%d of %d calls were good, %d bad", result.Successful, calls, result.Failed)
	}
	if strings.Contains(result.Errors, "SIP/2.0 481") {
		t.Errorf("SIPp has got 481:\n%s", result.Errors)
	}
	s.eventually("nothing is left", func() bool {
		f := figuresAt(t, metrics)
		return f["sipconf_dialogs"] == 0 && f["sipconf_port_pairs_used"] == 0
	})
}
