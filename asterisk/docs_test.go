//go:build e2e && linux

package asterisk_test

import (
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/sipconf/sipconf/asterisk/rig"
	"github.com/sipconf/sipconf/bench/phone"
)

// TestE2EDialplanInAEL gives the drop-in in AEL, as docs/asterisk.md has it included, to a real
// Asterisk: it is read without a warning, leads to sipconf, and tells the phone why sipconf
// refuses. A phone plays sipconf.
func TestE2EDialplanInAEL(t *testing.T) {
	t.Parallel()
	const addr = "127.0.0.212:5060"
	dialled := make(chan string, 1)
	peer, err := phone.New(phone.Config{
		Local: netip.MustParseAddrPort(addr),
		Answer: func(in *phone.Incoming) {
			dialled <- in.Invite.URI
			in.Reject(486)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(peer.Close)
	pbx := rig.Start(t, rig.Options{
		Addr: "127.0.0.211", Ports: ports(39400), Sipconf: addr, Phones: phones,
		AEL: inAEL(t),
	})
	for _, number := range []string{"*15234", "5234"} {
		if got := refused(t, "127.0.0.213", "101", pbx.URI(number)); got != 486 {
			t.Errorf("%s: %d, want sipconf's 486", number, got)
		}
		if got, want := <-dialled, "sip:"+number+"@"+addr; got != want {
			t.Errorf("sipconf was asked for %s, want %s", got, want)
		}
	}
	complaints(t, pbx)
}

// inAEL is the AEL of docs/asterisk.md, and the context of the phones that sipconf may dial.
func inAEL(t *testing.T) string {
	t.Helper()
	return quoted(t, "asterisk.md", "ael", 0) + "\ncontext my-extensions { _10X => { Dial(PJSIP/${EXTEN},60); Hangup(${HANGUPCAUSE}); } }\n"
}

// quoted is the block of that language on a page of docs with so many before it.
func quoted(t *testing.T, page, language string, before int) string {
	t.Helper()
	text, err := os.ReadFile("../docs/" + page)
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(text), "\n```"+language+"\n")[1:]
	if len(blocks) <= before {
		t.Fatalf("docs/%s has %d blocks of %s, want more than %d", page, len(blocks), language, before)
	}
	block, _, _ := strings.Cut(blocks[before], "\n```")
	return block
}
