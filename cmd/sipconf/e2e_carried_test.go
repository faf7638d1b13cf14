package main

import (
	"bufio"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipconf/sipconf/bench/phone"
	"github.com/sipconf/sipconf/control"
	"github.com/sipconf/sipconf/prompts/sound"
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

// Mia presses the first key of *2 before, the second one after: nobody hears her any more.
func aMenuInTheMiddle(c *carried) (moment, end func()) {
	mia := c.speaks(phone.Config{Name: "Mia", Number: "3001"}, "6001", 400)
	max := c.speaks(phone.Config{Name: "Max", Number: "3002"}, "6001", 600)
	c.hears("Max", max, []float64{400})
	c.pressesAll(mia, "*")
	return nil, func() {
		c.presses(mia, "2")
		c.hears("Max", max, nil, 400)
		c.hears("Mia", mia, []float64{600})
	}
}

// Nora dials the first digits before, and the last one after.
func aNumberInTheMiddle(c *carried) (moment, end func()) {
	nora := c.speaks(phone.Config{Name: "Nora", Number: "3003"}, "6002", 400)
	nick := c.speaks(phone.Config{Name: "Nick", Number: "3004"}, "6002", 500)
	c.pressesAll(nora, "*120")
	c.hears("Nick", nick, nil, 400)
	return nil, func() {
		c.hears("Nick", nick, nil, 400)
		c.presses(nora, "3#")
		c.talkers["203"] = c.trunk.answered("203")
		c.hears("Nick", nick, []float64{400, toneOf("203")})
		c.hears("Nora", nora, []float64{500, toneOf("203")})
	}
}

// Kurt presses the second key of *2 before, and lets it go after: it counts once. Another one he pressed while everything stood still.
func aKeyInTheMiddle(c *carried) (moment, end func()) {
	kurt := c.speaks(phone.Config{Name: "Kurt", Number: "3005"}, "6003", 400)
	kira := c.speaks(phone.Config{Name: "Kira", Number: "3006"}, "6003", 600)
	c.hears("Kira", kira, []float64{400})
	c.pressesAll(kurt, "*")
	released, letGo := make(chan error, 1), time.Time{}
	return func() {
			go func() {
				ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second) // a machine that leaves packets out takes more than 8 s for it
				defer cancel()
				err := kurt.PressKeys(ctx, "2", phone.DTMF{Length: 8 * time.Second})
				letGo = time.Now()
				released <- err
			}()
			c.logged(2, "digit pressed", kurt.ID()) // it is down
		}, func() {
			if err := <-released; err != nil {
				c.Error(err)
			}
			if !letGo.After(c.upgraded) {
				c.Error("the key was up before the upgrade was over")
			}
			c.hears("Kira", kira, nil, 400)
			c.pressesAll(kurt, "*2")
			c.hears("Kira", kira, []float64{400})
			if n := c.lines("digit pressed", kurt.ID()); n != 4 {
				c.Errorf("%d keys were pressed, want 4", n)
			}
		}
}

// Otto is told who is here, and Olga is afterwards, in a room of the same: what they have heard is the same, sample by sample.
func aPromptInTheMiddle(c *carried) (moment, end func()) {
	here := func(name, room string) *phone.Call {
		for i := range 2 {
			c.speaks(phone.Config{Name: fmt.Sprint("With ", name, i), Number: "4930123456"}, room, 0)
		}
		return c.speaks(phone.Config{Name: name, Number: "4930123457"}, room, 0)
	}
	otto, olga := here("Otto", "6004"), here("Olga", "6015")
	for _, call := range []*phone.Call{otto, olga} {
		call.Record()
	}
	return func() {
			c.presses(otto, "*3")
			c.hearsWords("Otto", otto)
		}, func() {
			c.presses(olga, "*3")
			c.hearsWords("Olga", olga)
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			for who, call := range map[string]*phone.Call{"Otto": otto, "Olga": olga} {
				if err := call.Await(ctx, func(call *phone.Call) bool { return call.Loudness(1500*time.Millisecond) < -60 }); err != nil {
					c.Fatalf("what %s is told has no end: %v", who, err)
				}
			}
			over, whole := spoken(otto.Recording()), spoken(olga.Recording())
			if len(whole) < 5*phone.Rate || len(over) != len(whole) {
				c.Fatalf("Otto has heard %d samples, and Olga %d", len(over), len(whole))
			}
			if at, db := apart(over, whole); db > -20 {
				c.Errorf("Otto has heard something else than Olga, %.1f s after the begin: %.1f dB of it are something else", at.Seconds(), db)
			}
		}
}

// spoken is a sound without the silence around it, and without what there is no packet of: A-law has no zero. A server that is too late skips a tick, and
// what is being told goes on after that.
func spoken(pcm []int16) []int16 {
	pcm = slices.DeleteFunc(slices.Clone(pcm), func(v int16) bool { return v == 0 })
	loud := func(v int16) bool { return v > 200 || v < -200 }
	first := slices.IndexFunc(pcm, loud)
	last := len(pcm) - 1
	for ; last > first && !loud(pcm[last]); last-- {
	}
	return pcm[max(first, 0) : last+1]
}

// apart is where two sounds of one length differ most, and by how much, in dB of how loud the second one is in all: those who are silent beside them
// add a few steps of A-law, now and then.
func apart(a, b []int16) (at time.Duration, dB float64) {
	var whole, most float64
	for _, v := range b {
		whole += float64(v) * float64(v)
	}
	const window = phone.Rate / 50
	for i := 0; i+window <= len(b); i += window {
		var sum float64
		for j := range window {
			d := float64(a[i+j]) - float64(b[i+j])
			sum += d * d
		}
		if sum > most {
			most, at = sum, time.Duration(i)*time.Second/phone.Rate
		}
	}
	return at, 10 * math.Log10((most+1)*float64(len(b)/window)/(whole+1))
}

// beat is what a metronome says each second.
const beat = 2800.0

// Rita, a host, records her room before, and stops after. The tape is as long as that took, and on it is the metronome, a second from beat to beat, but
// for the delay of his packets, which changes when the machine is busy.
func aRecording(c *carried) (moment, end func()) {
	rita := c.speaks(phone.Config{Name: "Rita", Number: "901"}, "6005", 0)
	metronome := c.speaks(phone.Config{Name: "Metronome", Number: "3007"}, "6005", 0)
	c.presses(rita, "**4")
	c.logged(1, "recording", "6005")
	second := make([]int16, phone.Rate)
	phone.Tone(beat, loud).Fill(second[:phone.Rate/10])
	metronome.Speak(phone.Loop(second))
	return nil, func() {
		time.Sleep(2 * time.Second)
		c.presses(rita, "**4")
		var file string
		c.eventually("the recording is over", func() bool { return c.figures()["sipconf_recordings"] == 0 })
		files, err := filepath.Glob(c.tapes + "/6005-*.wav")
		if err != nil || len(files) != 1 {
			c.Fatalf("the files are %q, %v", files, err)
		}
		file = files[0]
		b, err := os.ReadFile(file)
		if err != nil {
			c.Fatal(err)
		}
		tape, err := sound.Parse(b)
		if err != nil {
			c.Fatal(err)
		}
		beats := beatsOn(tape.Samples)
		if len(beats) < 4 || len(b) != 44+2*len(tape.Samples) {
			c.Fatalf("%d beats on the tape, which has %d bytes for %d samples", len(beats), len(b), len(tape.Samples))
		}
		skipped, late := c.skipped+c.skippedNow(), c.pump.Stats().LateMax
		const delay = phone.Rate * 150 / 1000
		if skipped > 0 || late > 40*time.Millisecond {
			c.Logf("the machine is too busy to judge the beats: %v were skipped, and the phones were %v late", skipped, late)
			beats = beats[:1]
		}
		for i, at := range beats[1:] {
			if length := at - beats[i]; length < phone.Rate-delay || length > phone.Rate+delay {
				c.Errorf("beat %d comes %d samples after the one before, want %d", i+1, length, phone.Rate)
			}
		}
		lasted := c.loggedAt("ends the recording", "6005").Sub(c.loggedAt("records the room", "6005"))
		length := time.Duration(len(tape.Samples)) * time.Second / phone.Rate
		if missing := lasted - length; missing > skipped+late+100*time.Millisecond || missing < -late-100*time.Millisecond {
			c.Errorf("the recording has lasted %v, and %v are on the tape; %v were skipped", lasted, length, skipped)
		}
	}
}

// beatsOn finds where the beats begin, to 5 ms.
func beatsOn(pcm []int16) (at []int) {
	const window = phone.Rate / 50
	before := true
	for i := 0; i+window <= len(pcm); i += window / 4 {
		on := phone.ToneLevel(pcm[i:i+window], beat) > loud-10
		if on && !before {
			at = append(at, i)
		}
		before = on
	}
	return at
}

// Sara watches a room from her desk, by two subscriptions: each goes on with its next version, and ends when it would have.
func subscriptions(c *carried) (moment, end func()) {
	first := c.speaks(phone.Config{Name: "Sven", Number: "3008"}, "6006", 400)
	desk := c.phone(phone.Config{Name: "Sara", Number: "3009"})
	c.talkers["Sven"] = first
	people := c.watches(desk, "conference", "6006", "udp", phone.Header{Name: "Expires", Value: "600"})
	lamp := c.watches(desk, "dialog", "6006", "udp", phone.Header{Name: "Expires", Value: "700"})
	inCall := c.speaks(phone.Config{Name: "Sofie", Number: "3010"}, "6006", 500)
	if r, err := inCall.Request(c.soon(), "SUBSCRIBE", nil, phone.Header{Name: "Event", Value: "conference"}, phone.Header{Name: "Expires", Value: "800"}); err != nil || r.Status != 200 {
		c.Fatalf("SUBSCRIBE: %v, %v", r, err)
	}
	const both = "Sofie 3010 connected, Sven 3008 connected"
	before := c.wantTold(people, both).Version
	beforeLamp := c.versionOf(lamp)
	beforeInCall := 0 // one who comes is told of more than once
	return func() {
			before = max(before, c.lastVersion(people.Notified))
			beforeInCall = c.lastVersion(inCall.Notified)
		}, func() {
			c.speaks(phone.Config{Name: "Susi", Number: "3011"}, "6006", 600)
			const all = "Sofie 3010 connected, Susi 3011 connected, Sven 3008 connected"
			lasts := func(m *phone.Message, most int) {
				c.Helper()
				var left int
				if _, err := fmt.Sscanf(m.Header("Subscription-State"), "active;expires=%d", &left); err != nil || left > most || left < most-120 {
					c.Errorf("Subscription-State: %s, want about %d s", m.Header("Subscription-State"), most)
				}
			}
			for name, w := range map[string]struct {
				notified func() (*phone.Message, error)
				version  int
				expires  int
			}{
				"at the desk": {func() (*phone.Message, error) { return people.Notified(c.soon()) }, before, 600},
				"in the call": {func() (*phone.Message, error) { return inCall.Notified(c.soon()) }, beforeInCall, 800},
			} {
				m, err := w.notified()
				if err != nil {
					c.Fatalf("%s: %v", name, err)
				}
				if told := c.read(m); told.Version != w.version+1 || told.String() != all {
					c.Errorf("%s: told %q as version %d, want %q as the one after %d", name, told, told.Version, all, w.version)
				}
				lasts(m, w.expires)
			}
			// The lamp has not changed, so it is told nothing until somebody asks.
			r, err := lamp.Request(c.soon(), "SUBSCRIBE", phone.Header{Name: "Event", Value: "dialog"}, phone.Header{Name: "Expires", Value: "650"})
			if err != nil || r.Status != 200 {
				c.Fatalf("SUBSCRIBE: %v, %v", r, err)
			}
			if now := c.versionOf(lamp); now != beforeLamp+1 {
				c.Errorf("the lamp is told version %d, after %d", now, beforeLamp)
			}
			for event, w := range map[string]*phone.Watch{"conference": people, "dialog": lamp} {
				if r, err := w.Request(c.soon(), "SUBSCRIBE", phone.Header{Name: "Event", Value: event}, phone.Header{Name: "Expires", Value: "0"}); err != nil || r.Status != 200 {
					c.Errorf("it ends: %v, %v", r, err)
				}
			}
		}
}

// lastVersion is that of the last of those that have come.
func (c *carried) lastVersion(notified func(context.Context) (*phone.Message, error)) (version int) {
	c.Helper()
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		m, err := notified(ctx)
		cancel()
		if err != nil {
			return version
		}
		version = c.read(m).Version
	}
}

// versionOf is that of the next lamp that is told of.
func (c *carried) versionOf(w *phone.Watch) int {
	c.Helper()
	m, err := w.Notified(c.soon())
	if err != nil {
		c.Fatal(err)
	}
	var lamp struct {
		Version int `xml:"version,attr"`
	}
	if err := xml.Unmarshal(m.Body, &lamp); err != nil {
		c.Fatalf("%v\n%s", err, m.Body)
	}
	return lamp.Version
}

// Lars has locked the room and muted himself, Lena is on hold for him, as soft as that, and a host has muted all. All is as it was.
func aRoomWithALock(c *carried) (moment, end func()) {
	host := c.speaks(phone.Config{Name: "Hugo", Number: "902"}, "6007", 700)
	lars := c.speaks(phone.Config{Name: "Lars", Number: "3012"}, "6007", 400)
	lena := c.speaks(phone.Config{Name: "Lena", Number: "3013"}, "6007", 600)
	c.pressesAll(lars, "*2*9") // mutes himself, and locks
	c.pressesAll(host, "**2")  // silences both
	c.pressesAll(lena, "*4*4") // hears the others 6 dB softer
	softly := func() {
		c.Helper()
		if err := lena.AwaitTone(c.soon(), 700, loud-6, closeTo); err != nil {
			c.Errorf("Lena hears the host at %.1f dBFS, want %.1f: %v", lena.Hear(700), loud-6, err)
		}
	}
	softly()
	c.hears("the host", host, nil, 400, 600)
	return nil, func() {
		softly()
		c.hears("the host", host, nil, 400, 600)
		_, err := c.phone(phone.Config{Name: "Late", Number: "3014"}).Call(c.soon(), c.uri("6007", "udp", true))
		if phone.Status(err) != 403 {
			c.Errorf("somebody calls the locked room: %v, want 403", err)
		}
		c.pressesAll(host, "**2")
		c.hears("the host", host, []float64{600}, 400)
		c.pressesAll(lars, "*2")
		c.hears("the host", host, []float64{400, 600})
		c.pressesAll(lars, "*9")
		c.eventually("it is open again", func() bool {
			call, err := c.phone(phone.Config{Name: "Late", Number: "3014"}).Call(c.soon(), c.uri("6007", "udp", true))
			if err == nil {
				c.talkers["Late"] = call
			}
			return err == nil
		})
	}
}

// 204 has been called with a group, and is asked to press 1. He does so after: then he is in, and not before.
func whoIsAsked(c *carried) (moment, end func()) {
	director := c.speaks(phone.Config{Name: "Director", Number: "5101"}, "*100", 400)
	asked := c.trunk.answered("204")
	c.talkers["204"] = asked
	c.hearsWords("204", asked)
	c.hears("Director", director, nil, toneOf("204"))
	return nil, func() {
		c.hears("Director", director, nil, toneOf("204"))
		c.hearsWords("204", asked) // he is still asked
		c.presses(asked, "1")
		c.hears("Director", director, []float64{toneOf("204")})
		c.hears("204", asked, []float64{400})
	}
}

// Of a group of four, two have the lines that there are, and are in. The others are called when the lines are free.
func halfOfAGroup(c *carried) (moment, end func()) {
	director := c.speaks(phone.Config{Name: "Convener", Number: "5102"}, "*200", 400)
	c.talkers["701"], c.talkers["702"] = c.trunk.answered("701"), c.trunk.answered("702")
	c.hears("Convener", director, []float64{toneOf("701"), toneOf("702")})
	return nil, func() {
		c.hears("Convener", director, []float64{toneOf("701"), toneOf("702")})
		for i, number := range []string{"701", "702"} {
			if err := c.talkers[number].Hangup(c.soon()); err != nil {
				c.Errorf("%s hangs up: %v", number, err)
			}
			delete(c.talkers, number)
			next := []string{"703", "704"}[i]
			c.talkers[next] = c.trunk.answered(next)
			c.hears("Convener", director, []float64{toneOf(next)})
		}
		called := func() (all []string) {
			all = slices.DeleteFunc(c.trunk.calls(), func(number string) bool { return !strings.HasPrefix(number, "7") })
			slices.Sort(all)
			return all
		}
		if got := called(); !slices.Equal(got, []string{"701", "702", "703", "704"}) {
			c.Errorf("%q were called", got)
		}
		for _, trunk := range shown[control.Status](c.attended, "status").Trunks {
			if trunk.Name == "small" && (trunk.Today != 4 || trunk.Calls != 2 || trunk.Answered != 4) {
				c.Errorf("the trunk was used %d times today, has %d calls, and %d were answered; want 4, 2 and 4", trunk.Today, trunk.Calls, trunk.Answered)
			}
		}
	}
}

// Uma has left the room with 208, whom she has invited, to talk to him alone. After, they come back.
func twoAlone(c *carried) (moment, end func()) {
	uma := c.speaks(phone.Config{Name: "Uma", Number: "3015"}, "6008", 400)
	udo := c.speaks(phone.Config{Name: "Udo", Number: "3016"}, "6008", 500)
	c.presses(uma, "*1208#")
	guest := c.trunk.answered("208")
	c.talkers["208"] = guest
	c.hears("Udo", udo, []float64{400, toneOf("208")})
	c.presses(uma, "*6")
	alone := func() {
		c.Helper()
		c.hears("Uma", uma, []float64{toneOf("208")}, 500)
		c.hears("208", guest, []float64{400}, 500)
		c.hears("Udo", udo, nil, 400, toneOf("208"))
	}
	alone()
	return nil, func() {
		alone()
		c.presses(uma, "*6")
		c.hears("Udo", udo, []float64{400, toneOf("208")})
		c.presses(uma, "*#") // whom she invited last
		select {
		case <-guest.Done():
		case <-c.soon().Done():
			c.Error("208 was not hung up")
		}
		delete(c.talkers, "208")
	}
}

// The link has its call, and after it the same one; when the last leaves, it is hung up.
func aLink(c *carried) (moment, end func()) {
	liv := c.speaks(phone.Config{Name: "Liv", Number: "3017"}, "354233", 400)
	far := c.trunk.answered(farNumber)
	c.hears("Liv", liv, []float64{toneOf(farNumber)})
	c.talkers["the far side"] = far
	return nil, func() {
		c.hears("the far side", far, []float64{400})
		links := shown[control.LinkList](c.attended, "links").Links
		if len(links) != 1 || links[0].State != "up" || links[0].Attempts != 1 || links[0].Call != far.ID() {
			c.Errorf("links %+v, want one, up, with %s", links, far.ID())
		}
		if err := liv.Hangup(c.soon()); err != nil {
			c.Error(err)
		}
		select {
		case <-far.Done():
		case <-c.soon().Done():
			c.Error("the far side was not hung up")
		}
		delete(c.talkers, "Liv")
		delete(c.talkers, "the far side")
	}
}

// Hana holds before, and resumes after. Hans holds after, and resumes.
func onHold(c *carried) (moment, end func()) {
	hana := c.speaks(phone.Config{Name: "Hana", Number: "3018"}, "6010", 400)
	hans := c.speaks(phone.Config{Name: "Hans", Number: "3019"}, "6010", 600)
	c.hears("Hans", hans, []float64{400})
	if err := hana.Hold(c.soon(), phone.HoldSendOnly, false); err != nil {
		c.Fatal(err)
	}
	c.hears("Hans", hans, nil, 400)
	delete(c.talkers, "Hana") // who hears nothing
	return nil, func() {
		c.hears("Hans", hans, nil, 400)
		if err := hana.Resume(c.soon(), true); err != nil {
			c.Fatal(err)
		}
		c.talkers["Hana"] = hana
		c.hears("Hans", hans, []float64{400})
		c.hears("Hana", hana, []float64{600})
		if err := hans.Hold(c.soon(), phone.HoldInactive, false); err != nil {
			c.Fatal(err)
		}
		c.hears("Hana", hana, nil, 600)
		if err := hans.Resume(c.soon(), false); err != nil {
			c.Fatal(err)
		}
		c.hears("Hana", hana, []float64{600})
		if h := hana.Heard(); len(h.SSRCs) != 1 || h.TSJumps != 0 {
			c.Errorf("SSRCs %v, %d timestamps jump", h.SSRCs, h.TSJumps)
		}
	}
}

// Tina calls over TCP, Iris over IPv6. Tina's connection goes over: hers are still the same two ends, and both may ask something on it.
func allNetworks(c *carried) (moment, end func()) {
	tina := c.speaks(phone.Config{Name: "Tina", Number: "3020", Transport: "tcp"}, "6011", 400)
	iris := c.speaks(phone.Config{Name: "Iris", Number: "3021", Local: netip.MustParseAddrPort("[::1]:0")}, "6011", 600)
	talk := func() {
		c.Helper()
		c.hears("Tina", tina, []float64{600}, 400)
		c.hears("Iris", iris, []float64{400}, 600)
	}
	talk()
	connections := func() (ends []string) {
		text, err := os.ReadFile("/proc/net/tcp")
		if err != nil {
			c.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if fields := strings.Fields(line); len(fields) > 3 && fields[3] == "01" && strings.HasSuffix(fields[1], fmt.Sprintf(":%04X", c.port)) {
				ends = append(ends, fields[2])
			}
		}
		slices.Sort(ends)
		return ends
	}
	var before []string
	return func() { before = connections() }, func() {
		if now := connections(); len(before) == 0 || !slices.Equal(now, before) {
			c.Errorf("connections with %q, and there were those with %q", now, before)
		}
		talk()
		for who, call := range map[string]*phone.Call{"Tina": tina, "Iris": iris} {
			if err := call.Reinvite(c.soon()); err != nil {
				c.Errorf("%s renews the session: %v", who, err)
			}
		}
		talk()
		c.told(exitGood, "is hung up", "kick", "6011", "3020") // a request of ours
		select {
		case <-tina.Done():
		case <-c.soon().Done():
			c.Error("Tina got no BYE")
		}
		if now := connections(); !slices.Equal(now, before) {
			c.Errorf("at last, connections with %q, and there were those with %q", now, before)
		}
		delete(c.talkers, "Tina")
	}
}

// Somebody has sent the first half of a request over TCP. The other half comes after, and it is answered.
func halfAMessage(c *carried) (moment, end func()) {
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", c.port))
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() { conn.Close() })
	text := fmt.Sprintf("OPTIONS sip:6011@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP %[1]v;branch=z9hG4bKhalf\r\nFrom: <sip:3029@%[1]v>;tag=half\r\n"+
		"To: <sip:6011@127.0.0.1>\r\nCall-ID: half\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n", conn.LocalAddr())
	send := func(part string) {
		if _, err := conn.Write([]byte(part)); err != nil {
			c.Error(err)
		}
	}
	send(text[:len(text)/2])
	return nil, func() {
		send(text[len(text)/2:])
		conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		answer := make([]byte, 4096)
		if n, err := conn.Read(answer); err != nil || !strings.HasPrefix(string(answer[:n]), "SIP/2.0 200 ") {
			c.Errorf("%v, %s", err, answer[:n])
		}
	}
}

// Uwe's phone has not acknowledged its 200. That comes again, and when it is acknowledged he is in.
func withoutItsACK(c *carried) (moment, end func()) {
	var answers atomic.Int32
	p := c.phone(phone.Config{Name: "Uwe", Number: "3022", Trace: func(sent bool, b []byte) {
		if !sent && strings.HasPrefix(string(b), "SIP/2.0 200 ") && strings.Contains(string(b), " INVITE\r\n") {
			answers.Add(1)
		}
	}})
	ute := c.speaks(phone.Config{Name: "Ute", Number: "3023"}, "6012", 600)
	uwe, err := p.Call(c.soon(), c.uri("6012", "udp", true), phone.WithoutACK())
	if err != nil {
		c.Fatal(err)
	}
	uwe.Speak(phone.Tone(400, loud))
	return nil, func() {
		before := answers.Load()
		c.eventually("the 200 comes again", func() bool { return answers.Load() > before })
		c.hears("Ute", ute, nil, 400)
		if err := uwe.Acknowledge(c.soon()); err != nil {
			c.Fatal(err)
		}
		c.talkers["Uwe"] = uwe
		c.hears("Ute", ute, []float64{400})
		c.hears("Uwe", uwe, []float64{600})
	}
}

// Rosa refers her room to somebody, after.
func aReferAfterwards(c *carried) (moment, end func()) {
	rosa := c.speaks(phone.Config{Name: "Rosa", Number: "3024"}, "6013", 400)
	return nil, func() {
		if told := c.refers(rosa, "<sip:209@pbx>", conferes); told[len(told)-1] != "200 OK" {
			c.Errorf("told %q", told)
		}
		c.talkers["209"] = c.trunk.answered("209")
		c.hears("Rosa", rosa, []float64{toneOf("209")})
	}
}

// Tim's phone leaves the refreshing to us. It is done when its time has come, which is half of 90 s after the call.
func weRefresh(c *carried) (moment, end func()) {
	refreshed := make(chan string, 8)
	tim := c.speaks(phone.Config{Name: "Tim", Number: "3025", Request: func(_ *phone.Call, m *phone.Message) int {
		refreshed <- m.Method + " " + m.Header("Session-Expires")
		return 0
	}}, "6014", 400, phone.WithHeader("Supported", "timer"), phone.WithHeader("Session-Expires", "90;refresher=uas"))
	called := time.Now()
	return nil, func() {
		select {
		case got := <-refreshed:
			c.Logf("%v after the call, by %s", time.Since(called).Round(time.Second), got)
			if !strings.Contains(got, " 90;refresher=uac") {
				c.Errorf("the refresh says %s", got)
			}
		case <-tim.Done():
			c.Errorf("the call has ended: %+v", tim.Ending())
		case <-time.After(time.Minute):
			c.Error("it is not refreshed")
		}
	}
}

// Tom's phone refreshes by itself.
func thePeerRefreshes(c *carried) (moment, end func()) {
	tom := c.speaks(phone.Config{Name: "Tom", Number: "3026"}, "6014", 600, phone.WithHeader("Supported", "timer"), phone.WithHeader("Session-Expires", "90;refresher=uac"))
	return nil, func() {
		r, err := tom.Request(c.soon(), "UPDATE", nil, phone.Header{Name: "Supported", Value: "timer"}, phone.Header{Name: "Session-Expires", Value: "90;refresher=uac"})
		if err != nil || r.Status != 200 || r.Header("Session-Expires") != "90;refresher=uac" {
			c.Errorf("he refreshes: %v, %v", r, err)
		}
	}
}
