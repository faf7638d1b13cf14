//go:build e2e && linux

package asterisk_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipconf/sipconf/asterisk/rig"
)

// What an upgrade carries over, where all calls come and go through an Asterisk, which notices nothing.

// channelsOf are an Asterisk's channels by their names, in order: a call that was dropped, or made again, has another one.
func channelsOf(pbx *rig.Asterisk) (all []string) {
	for line := range strings.Lines(pbx.CLI("core show channels concise")) {
		if name, _, ok := strings.Cut(line, "!"); ok {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

// requests are how many of those an Asterisk has got from sipconf so far, by method.
func requests(pbx *rig.Asterisk, from string) map[string]int {
	n := map[string]int{}
	for _, found := range regexp.MustCompile(`Received SIP request \(\d+ bytes\) from UDP:`+regexp.QuoteMeta(from)+` --->\n(\w+) `).FindAllStringSubmatch(pbx.Log(), -1) {
		n[found[1]]++
	}
	return n
}

// Anna, Boris, Clara and Emil, who has no Asterisk in between, are in a room, and Dora is in one with a link. The server is replaced under them, twice. Nobody notices: Asterisk
// has the channels that it had, and no request of ours; the link has its one call. Then all goes on: Asterisk transfers Clara's leg, a host hangs
// up the one who came, Anna hangs up herself, and *1 between two phones is heard of at the manager.
func TestE2EUpgradeBehindAsterisk(t *testing.T) {
	t.Parallel()
	const network = "127.1.60."
	far := farConference(t, network+"22", network+"21", "rfc4733", 48900)
	d := newDesks(t, 60, 48400, theSecret, func(o *rig.Options) {
		pjsip, dialplan := mikopbx.calls(t, network+"22")
		o.Append = slices.Concat(o.Append, pjsip)
		o.Dialplan = slices.Concat(dialplan[:1], moving("104"), sipconfMayDial, dialplan[1:])
	}, `
links: [{room: "354233", number: "84957776675", trunk: pbx, dtmf: "ww354233", retry: [0s, 1s], ended: 1s}]
menus: {hosts: ["101"]}
numbers:
  - {pattern: "_*1X.", room: "${EXTEN:2}"}
  - {pattern: "354233", room: "354233"}
  - {pattern: "_XXXX", room: "${EXTEN}"}
`)
	fedor := calls(t, "Fedor", "701", d.net+"56", far.URI("room"), 1900)
	dora := d.dials("104", officeRoom)
	far.connected(1, dora, fedor)
	emil := calls(t, "Emil", "105", d.net+"55", "sip:5234@"+d.s.addr, 700)
	anna, boris, clara := d.dials("101", "*15234"), d.dials("102", "*15234"), d.dials("103", "*15234")
	clarasLeg := lastLeg(t, d.pbx)
	room := []*caller{anna, boris, clara, emil}
	d.talk(room...)
	talk(t, dora, fedor)

	for range 2 {
		here, there, asked := channelsOf(d.pbx), channelsOf(far.Asterisk), requests(d.pbx, d.s.addr)
		for _, c := range append(room, dora) {
			c.ResetHeard()
		}
		d.s.upgrades(t)
		d.talk(room...)
		talk(t, dora, fedor)
		if now := channelsOf(d.pbx); !slices.Equal(now, here) {
			t.Errorf("Asterisk has the channels %q, and had %q", now, here)
		}
		if now := channelsOf(far.Asterisk); !slices.Equal(now, there) || far.inside() != 1 || far.asked() != 1 {
			t.Errorf("the far side has the channels %q, and had %q; it was called %d times", now, there, far.asked())
		}
		if now := requests(d.pbx, d.s.addr); now["INVITE"] != 1 || now["UPDATE"] != asked["UPDATE"] || now["BYE"] != 0 { // the one is the link's
			t.Errorf("Asterisk has got the requests %v, and had got %v", now, asked)
		}
		for _, c := range append(room, dora) {
			h := c.Heard()
			if len(h.SSRCs) != 1 || c == emil && (h.Lost != 0 || h.TSJumps != 0 || h.Duplicates != 0) {
				t.Errorf("%s: %d packets lost, %d twice, %d timestamps jump, SSRCs %v", c.name, h.Lost, h.Duplicates, h.TSJumps, h.SSRCs)
			}
			t.Logf("%s: the longest gap is %v, of %d packets", c.name, h.Gaps.Max.Round(time.Millisecond), h.Packets)
		}
		if down := d.s.events("trunk is down"); len(down) > 0 {
			t.Errorf("the trunk counts as down: %s", down[0].Err)
		}
	}

	// A call by a REFER: Asterisk transfers Clara's leg, which the new process has not seen come, to Dora's other phone.
	d.pbx.CLI(fmt.Sprintf("channel redirect %s phones,move104,1", clarasLeg))
	logs(t, d.pbx, "the transfer to 104 is a SUCCESS")
	desk := d.picksUp("Dora's desk", "104")
	d.talk(anna, boris, emil, desk)
	silent(t, "Clara, who has gone", clara.hz, anna, boris, emil, desk)

	// A BYE from each side, and a call to the trunk.
	press(t, anna, "**3", false) // who came last
	select {
	case <-desk.Done():
	case <-within(t).Done():
		t.Error("Dora's desk was not hung up")
	}
	press(t, anna, "*1103#", false)
	clara = d.picksUp("Clara", "103")
	d.talk(anna, boris, emil, clara)
	for _, c := range []*caller{boris, anna, clara} {
		if err := c.Hangup(within(t)); err != nil {
			t.Errorf("%s hangs up: %v", c.name, err)
		}
		silent(t, c.name+", who is gone", c.hz, emil)
	}
	d.s.await(t, "they have left", func() bool { return len(d.s.events("left")) == 5 })

	// *1 between two phones: the manager has a new session.
	d.connected(3)
	anna = d.dials("101", "102")
	boris = d.picksUp("Boris", "102")
	d.talk(anna, boris)
	press(t, anna, "*1", false)
	d.talk(anna, boris)
	d.wantUpgrades(1)

	talk(t, dora, fedor)
	if n := far.asked(); n != 1 {
		t.Errorf("the far side was called %d times", n)
	}
	far.leavesLast(dora, d.net+"21")
	if err := emil.Hangup(within(t)); err != nil {
		t.Error(err)
	}
	d.hangUp(anna, boris)
}
