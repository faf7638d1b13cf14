package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sipconf/sipconf/bench/phone"
	"github.com/sipconf/sipconf/control"
)

// What an upgrade carries over: many stories that have begun in one process, and go on in the next one.

// carried is a server with everything that it can have, and the PBX that it calls people by.
type carried struct {
	*succeeded
	trunk   *trunk
	tapes   string // the folder of its recordings
	metrics string // where it tells its figures
	talkers map[string]*phone.Call

	upgraded time.Time     // when it was, for the last time
	skipped  time.Duration // what the media clocks of the processes before have left out
}

// story is something that goes on over an upgrade. begin tells how it began; moment, unless it is nil, what somebody does in the moment before; and
// end what became of it.
type story struct {
	name  string
	begin func(c *carried) (moment, end func())
}

// stories end in the opposite order: those that may not wait long begin last.
var stories = []story{
	{"we refresh", weRefresh},
	{"a prompt in the middle", aPromptInTheMiddle},
	{"a key in the middle", aKeyInTheMiddle},
	{"a recording", aRecording},
	{"subscriptions", subscriptions},
	{"a room with a lock", aRoomWithALock},
	{"half of a group", halfOfAGroup},
	{"two alone", twoAlone},
	{"a link", aLink},
	{"hold", onHold},
	{"all networks", allNetworks},
	{"half a message", halfAMessage},
	{"a REFER", aReferAfterwards},
	{"who is asked to press 1", whoIsAsked},
	{"the peer refreshes", thePeerRefreshes},
	{"a 200 without its ACK", withoutItsACK},
	{"a number in the middle", aNumberInTheMiddle},
	{"a menu in the middle", aMenuInTheMiddle},
}

// carries starts the server.
func carries(t *testing.T, versions ...string) *carried {
	t.Helper()
	c := &carried{tapes: t.TempDir(), metrics: unusedAddress(t).String(), talkers: map[string]*phone.Call{}}
	c.trunk = newTrunk(t)
	c.carry(t, c.settings, versions...)
	return c
}

// carry starts the server with those settings.
func (c *carried) carry(t *testing.T, settings func(*succeeded) string, versions ...string) {
	c.succeeded = succeedWith(t, settings, versions...)
	c.trunk.office = c.office
	at := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(c.port))
	c.office.server = &server{listeners: []listener{{"udp", at}, {"tcp", at}, {"udp", netip.AddrPortFrom(netip.IPv6Loopback(), at.Port())}}} // for uri, no more
}

func (c *carried) settings(s *succeeded) string {
	return fmt.Sprintf(`
sip: {listen: ["udp://127.0.0.1:%[1]d", "tcp://127.0.0.1:%[1]d", "udp://[::1]:%[1]d"], session_expires: 90s}
media: {ports: 41000-41199, level: false}
rooms: {max_legs: 100, tones: false}
menus: {hosts: ["_9XX"], pause: 30s}
dialout: {accept: 1m}
ctl: {socket: %[2]q}
metrics: {listen: %[3]q}
recordings: {folder: %[4]q}
log: {level: debug}
trunks:
  - {name: small, address: "sip:%[5]s", internal: true, numbers: ["_7XX"], max_calls: 2, max_daily: 50}
  - {name: pbx, address: "sip:%[5]s", internal: true, numbers: ["_2XX", "_8495."], probe: 1s}
links: [{room: "354233", number: %[6]q, trunk: pbx, retry: [0s, 1s], ended: 1s}]
groups:
  store: list
  list: {"100": [{extension: "204 press-1"}], "200": [{extension: "701"}, {extension: "702"}, {extension: "703"}, {extension: "704"}]}
numbers:
  - {pattern: "_*XXX", room: "${CALLERID(num)}", group: "${EXTEN:1}"}
  - {pattern: "_*1X.", room: "${EXTEN:2}"}
  - {pattern: "354233", room: "354233"}
  - {pattern: "_XXXX", room: "${EXTEN}"}
`, s.port, s.socket, c.metrics, c.tapes, c.trunk.phone.Addr(), farNumber)
}

// TestE2EUpgradeCarries tells all stories over two upgrades, one right after the other. Meanwhile nobody loses a packet, and what the operator sees is what he saw before.
func TestE2EUpgradeCarries(t *testing.T) {
	t.Parallel()
	c := carries(t, "1.0.1", "1.0.2")
	var moments, ends []func()
	for _, story := range stories {
		moment, end := story.begin(c)
		if moment != nil {
			moments = append(moments, moment)
		}
		ends = append(ends, end)
	}
	for _, call := range c.talkers {
		call.ResetHeard()
	}
	for _, moment := range moments {
		moment()
	}
	seen, figures := c.seen(), c.figures()
	for _, version := range []string{"1.0.2", "1.0.1"} { // and what was taken over can be handed on
		c.skipped += c.skippedNow()
		c.upgrades(version)
	}
	c.upgraded = time.Now()
	if now := c.seen(); now != seen {
		t.Errorf("the operator sees\n%s\nand saw\n%s", now, seen)
	}
	c.compare(figures, c.figures())
	for who, call := range c.talkers {
		c.whole(who, call)
	}
	for i, end := range slices.Backward(ends) {
		c.tells(stories[i].name, end)
	}
	for who, call := range c.talkers {
		if err := call.Hangup(c.soon()); err != nil {
			t.Errorf("%s hangs up: %v", who, err)
		}
	}
	c.eventually("nobody is left", func() bool {
		f := c.figures()
		return f["sipconf_dialogs"] == 0 && f["sipconf_legs"] == 0 && f["sipconf_rooms"] == 0 && f["sipconf_port_pairs_used"] == 0
	})
	if f := c.figures(); f["sipconf_panics_total"] != 0 || f["sipconf_sip_malformed_total"] != 0 || f["sipconf_events_dropped_total"] != 0 {
		t.Errorf("at the end: %v panics, %v messages that could not be read, %v events lost",
			f["sipconf_panics_total"], f["sipconf_sip_malformed_total"], f["sipconf_events_dropped_total"])
	}
}

// tells is the end of a story, as a test of its own.
func (c *carried) tells(name string, end func()) {
	whole := c.office.T
	defer func() { c.office.T = whole }()
	whole.Run(name, func(t *testing.T) {
		c.office.T = t
		began := time.Now()
		end()
		t.Logf("%v", time.Since(began).Round(time.Millisecond))
	})
}

// speaks has somebody call a room, and say a tone.
func (c *carried) speaks(cfg phone.Config, room string, hz float64, options ...phone.Option) *phone.Call {
	c.Helper()
	call := c.office.joins(cfg, room, hz, options...)
	c.talkers[cfg.Name] = call
	return call
}

// seen is what the operator sees of rooms, links and trunks, without what changes all the time.
func (c *carried) seen() string {
	c.Helper()
	all := struct {
		Rooms  []control.Room
		Links  []control.Link
		Trunks []control.Trunk
	}{shown[control.RoomList](c.attended, "rooms").Rooms, shown[control.LinkList](c.attended, "links").Links, shown[control.Status](c.attended, "status").Trunks}
	for _, room := range all.Rooms {
		for i := range room.Participants {
			p := &room.Participants[i]
			p.Talking, p.Level, p.Lost, p.Jitter, p.PeerLost, p.Trip = false, 0, 0, 0, 0, 0
		}
	}
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		c.Fatal(err)
	}
	return string(text)
}

// figures are the metrics, by their names with labels.
func (c *carried) figures() map[string]float64 { return figuresAt(c.T, c.metrics) }

func figuresAt(t *testing.T, address string) map[string]float64 {
	t.Helper()
	response, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	all := map[string]float64{}
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		at := strings.LastIndexByte(lines.Text(), ' ')
		if value, err := strconv.ParseFloat(lines.Text()[at+1:], 64); err == nil && at > 0 {
			all[lines.Text()[:at]] = value
		}
	}
	return all
}

// skippedNow is what the media clocks of the process of now have left out.
func (c *carried) skippedNow() time.Duration {
	c.Helper()
	return time.Duration(c.figures()["sipconf_ticks_skipped_total"]) * 20 * time.Millisecond
}

// compare holds the metrics of the new process against those of the old one: what there is has not changed, and no count that was carried is smaller.
func (c *carried) compare(before, after map[string]float64) {
	c.Helper()
	for name, was := range before {
		now, there := after[name]
		family, _, _ := strings.Cut(name, "{")
		switch {
		case strings.HasPrefix(family, "process_"), strings.HasPrefix(family, "go_"), strings.HasPrefix(family, "sipconf_tick"), family == "sipconf_playout_delay_seconds":
		case !there:
			c.Errorf("%s was %v, and there is no such figure any more", name, was)
		case strings.HasPrefix(family, "sipconf_rtp_"), strings.HasSuffix(family, "_seconds_total"), strings.HasSuffix(family, "_total"):
			if now < was {
				c.Errorf("%s is %v, and was %v", name, now, was)
			}
		case now != was:
			c.Errorf("%s is %v, and was %v", name, now, was)
		}
	}
}

// logged waits until the log has so many lines with all of these words.
func (c *carried) logged(n int, words ...string) {
	c.Helper()
	c.eventually(fmt.Sprintf("the log has %d lines with %q", n, words), func() bool { return c.lines(words...) >= n })
}

func (c *carried) lines(words ...string) (n int) {
	for line := range strings.Lines(c.started.log.String()) {
		if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(line, word) }) {
			n++
		}
	}
	return n
}

// loggedAt is the time of the first line with all of these words.
func (c *carried) loggedAt(words ...string) time.Time {
	c.Helper()
	for line := range strings.Lines(c.started.log.String()) {
		if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(line, word) }) {
			at, err := time.Parse("time=2006-01-02T15:04:05.000Z07:00", strings.Fields(line)[0])
			if err != nil {
				c.Fatal(err)
			}
			return at
		}
	}
	c.Fatalf("the log does not say %q", words)
	return time.Time{}
}

// pressesAll presses keys, of which each has come when it returns.
func (c *carried) pressesAll(who *phone.Call, keys string) {
	c.Helper()
	before := c.lines("digit pressed", who.ID())
	c.presses(who, keys)
	c.logged(before+len(keys), "digit pressed", who.ID())
}
