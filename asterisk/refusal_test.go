//go:build e2e && linux

package asterisk_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipconf/sipconf/asterisk/rig"
	"github.com/sipconf/sipconf/bench/phone"
)

// TestE2ERefusals checks the table "What goes wrong" of docs/asterisk.md: what a phone behind
// Asterisk is told when sipconf refuses. A phone that refuses plays sipconf.
func TestE2ERefusals(t *testing.T) {
	t.Parallel()
	const addr = "127.0.6.31:5060"
	status := make(chan int, 1)
	peer, err := phone.New(phone.Config{
		Local:  netip.MustParseAddrPort(addr),
		Answer: func(in *phone.Incoming) { in.Reject(<-status) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(peer.Close)
	pbx := rig.Start(t, rig.Options{Addr: "127.0.6.21", Ports: ports(39500), Sipconf: addr, Phones: phones})
	for _, answer := range []struct{ sipconf, phone int }{
		{486, 486}, // the room is full
		{404, 404}, // no such room
		{403, 403}, // this Asterisk is not in sip.trusted
		{488, 488}, // no codec in common
		{503, 503}, // sipconf is full, or going down
	} {
		status <- answer.sipconf
		if got := refused(t, "127.0.6.41", "101", pbx.URI("*15234")); got != answer.phone {
			t.Errorf("sipconf answers %d: the phone is told %d, want %d", answer.sipconf, got, answer.phone)
		}
	}

	if got := refused(t, "127.0.6.31", "101", pbx.URI("103")); got != 404 {
		t.Errorf("sipconf calls 103 through an empty sipconf-out: %d, want 404", got)
	}
	if got := refused(t, "127.0.6.99", "5234", pbx.URI("103")); got != 401 {
		t.Errorf("somebody whom no identify section matches: %d, want 401", got)
	}
}

// TestE2EDeadServer: nothing answers at sipconf's address. A call to a room is refused after 10 s,
// and as soon as Asterisk's qualify knows it, at once; both times with 503.
func TestE2EDeadServer(t *testing.T) {
	t.Parallel()
	pbx := rig.Start(t, rig.Options{
		Addr: "127.0.7.21", Ports: ports(39600), Sipconf: "127.0.7.31:5060", Phones: phones,
		Append: []string{"[sipconf](+type=aor)", "qualify_frequency=4"}, // soon enough for the second call
	})
	begin := time.Now()
	if got := refused(t, "127.0.7.41", "101", pbx.URI("*15234")); got != 503 || time.Since(begin) > 11*time.Second {
		t.Errorf("before a qualify has failed: %d after %v, want 503 after 10 s", got, time.Since(begin))
	}
	if contacts := pbx.CLI("pjsip show contacts"); !strings.Contains(contacts, "Unavail") {
		t.Fatalf("after 10 s sipconf is not Unavail:\n%s", contacts)
	}
	begin = time.Now()
	if got := refused(t, "127.0.7.41", "101", pbx.URI("*15234")); got != 503 || time.Since(begin) > time.Second {
		t.Errorf("after a qualify has failed: %d after %v, want 503 at once", got, time.Since(begin))
	}
}

// TestE2ECrashedServer: sipconf vanishes without a BYE. The drop-in's rtp_timeout hangs its callers
// up, and not those who are only on hold. (2 s here, rather than 30.)
func TestE2ECrashedServer(t *testing.T) {
	t.Parallel()
	const addr = "127.0.8.31:5060"
	answered := make(chan *phone.Call, 2)
	peer, err := phone.New(phone.Config{
		Local: netip.MustParseAddrPort(addr),
		Answer: func(in *phone.Incoming) {
			if call, err := in.Accept(); err == nil {
				answered <- call
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(peer.Vanish)
	pbx := rig.Start(t, rig.Options{
		Addr: "127.0.8.21", Ports: ports(39700), Sipconf: addr, Phones: phones,
		Append: []string{"rtp_timeout=2"},
	})
	held := calls(t, "Boris", "102", "127.0.8.41", pbx.URI("*15234"), 1130)
	(<-answered).StopMedia()
	if err := held.Hold(within(t), phone.HoldSendOnly, false); err != nil {
		t.Fatal(err)
	}
	anna := calls(t, "Anna", "101", "127.0.8.41", pbx.URI("*15234"), 370)
	(<-answered).StopMedia()
	select {
	case <-anna.Done():
	case <-within(t).Done():
		t.Error("the caller is still in a call with a sipconf that is gone")
	}
	select {
	case <-held.Done():
		t.Error("the caller on hold was hung up: ", held.Ending().Reasons)
	default:
	}
}

// refused places a call that must be refused and returns with which status.
func refused(t *testing.T, local, number, uri string) int {
	t.Helper()
	p, err := phone.New(phone.Config{Local: netip.AddrPortFrom(netip.MustParseAddr(local), 0), Number: number})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	call, err := p.Call(t.Context(), uri)
	if err == nil {
		t.Fatalf("%s is answered: %v", uri, call.Response())
	}
	if phone.Status(err) == 0 {
		t.Fatal(fmt.Errorf("%s: %w", uri, err))
	}
	return phone.Status(err)
}
