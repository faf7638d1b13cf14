//go:build e2e && linux

package main

import (
	"context"
	"testing"
	"time"

	"github.com/sipconf/sipconf/asterisk/rig"
)

// TestE2EConfBridgeUnderLoad: our phones hear each other through Asterisk's own conferences, each in his room. Most of the time: a ConfBridge takes a frame
// out, or puts one in, when its clock and a caller's are not one, and a tone with such a gap is heard at the frequencies of others, too.
func TestE2EConfBridgeUnderLoad(t *testing.T) {
	rig.Install(t)
	o, err := parseOptions([]string{"-legs", "6", "-rooms", "2", "-time", "5s", "-bursts", "2"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	r, err := run(ctx, o, startConfBridge)
	if err != nil {
		t.Fatal(err)
	}
	if r.PacketsHeard == 0 || !r.Measured || len(r.Dropped) > 0 || r.Beeps == 0 {
		t.Errorf("little was measured: %+v", r)
	}
	if v := r.Tones; v.Unheard > 0 || v.Disturbed > v.Windows/2 {
		t.Errorf("wrong tones: %+v", v)
	}
}
