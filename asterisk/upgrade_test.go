//go:build e2e && linux

package asterisk_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipconf/sipconf/asterisk/rig"
	"github.com/sipconf/sipconf/bench/phone"
)

// *1 in a call between two phones: both are in a room, and nobody is dropped.

// desks is an Asterisk with four phones, 101 to 104, a sipconf that hears of *1 at its manager, and what of them is at hand.
type desks struct {
	*testing.T
	net    string // their addresses but for the last number, such as "127.0.30."
	ports  int    // of sipconf; those of Asterisk are 200 above
	pbx    *rig.Asterisk
	s      *server
	phones map[string]*phone.Phone // that ring, by number
}

// newDesks starts them, sipconf last, with further sections of its configuration. secret is what sipconf believes to be the secret.
func newDesks(t *testing.T, net, ports int, secret string, change func(*rig.Options), sections ...string) *desks {
	t.Helper()
	d := &desks{T: t, net: fmt.Sprintf("127.0.%d.", net), ports: ports, phones: map[string]*phone.Phone{}}
	opts := rig.Options{
		Addr: d.net + "21", Ports: rig.Ports{First: uint16(ports + 200), Last: uint16(ports + 299)}, Sipconf: d.net + "31:5060",
		Manager: "s3cret", Dialplan: sipconfMayDial,
	}
	for i, name := range []string{"Anna", "Boris", "Clara", "Dora"} {
		number := fmt.Sprint(101 + i)
		opts.Phones = append(opts.Phones, rig.Phone{Name: name, Number: number, Addr: fmt.Sprintf("%s%d:5060", d.net, 41+i)})
		d.phones[number] = picksUp(t, number, opts.Phones[i].Addr, tonesOf[number])
	}
	if change != nil {
		change(&opts)
	}
	d.pbx = rig.Start(t, opts)
	manager := fmt.Sprintf("asterisk: {ami: [{name: pbx, address: \"%s21\", username: sipconf, secret: \"%s\"}]}\n", d.net, secret)
	d.s = serve(t, d.net+"31", ports, append([]string{through(opts.Addr) + manager}, sections...)...)
	if secret == "s3cret" {
		d.s.await(t, "connected to the manager", func() bool { return len(d.s.events("connected to Asterisk's manager")) == 1 })
	}
	return d
}

// tonesOf are what the phones say.
var tonesOf = map[string]float64{"101": 370, "102": 1130, "103": 1490, "104": 2330}

// dials is a call of a phone to a number, as who has dialled has it.
func (d *desks) dials(number, called string) *caller {
	d.Helper()
	i := slices.Index([]string{"101", "102", "103", "104"}, number)
	return calls(d.T, []string{"Anna", "Boris", "Clara", "Dora"}[i], number, fmt.Sprintf("%s%d", d.net, 41+i), d.pbx.URI(called), tonesOf[number])
}

// picksUp is the call that a phone has answered.
func (d *desks) picksUp(name, number string) *caller {
	d.Helper()
	return answered(d.T, name, d.phones[number], tonesOf[number])
}

// talk waits until each hears each other one, and a little more, for the sound takes another way now; then it holds them to it.
func (d *desks) talk(room ...*caller) {
	d.Helper()
	for _, ear := range room {
		for _, mouth := range room {
			if mouth == ear {
				continue
			}
			if err := ear.AwaitTone(within(d.T), mouth.hz, spoken, tolerance); err != nil {
				d.Fatalf("%s hears %s: %v", ear.name, mouth.name, err)
			}
		}
	}
	time.Sleep(settling)
	converse(d.T, room...)
}

// joined waits until so many have joined, ever, and returns "ROOM NAME NUMBER" of each, in their order of names.
func (d *desks) joined(n int) []string {
	d.Helper()
	d.s.await(d.T, fmt.Sprint(n, " have joined"), func() bool { return len(d.s.events("joined")) >= n })
	var all []string
	for _, e := range d.s.events("joined") {
		all = append(all, e.Room+" "+e.Name+" "+e.Number)
	}
	slices.Sort(all)
	return all
}

// wantJoined wants exactly these.
func (d *desks) wantJoined(want ...string) {
	d.Helper()
	if got := d.joined(len(want)); !slices.Equal(got, want) {
		d.Errorf("in rooms are %q, want %q", got, want)
	}
}

// wantUpgrades wants so many lines of that kind in the log.
func (d *desks) wantUpgrades(n int) {
	d.Helper()
	if got := len(d.s.events(becomes)); got != n {
		d.Errorf("%d calls have become conferences, want %d", got, n)
	}
}

const (
	becomes   = "a call between two has become a conference"
	becomesNo = "a call between two could not become a conference"
)

// all hang up, and nothing is left: no channel at Asterisk, no room.
func (d *desks) hangUp(room ...*caller) {
	d.Helper()
	for _, c := range room {
		select {
		case <-c.Done():
			d.Errorf("%s was hung up: %+v", c.name, c.Ending())
		default:
			if err := c.Hangup(within(d.T)); err != nil {
				d.Errorf("%s hangs up: %v", c.name, err)
			}
		}
	}
	deadline := time.Now().Add(patience)
	for out := ""; !strings.Contains(out, "0 active channels"); {
		if out = d.pbx.CLI("core show channels count"); time.Now().After(deadline) {
			d.Fatalf("calls are left at Asterisk:\n%s%s", out, d.pbx.CLI("core show channels"))
		}
	}
	d.s.await(d.T, "no room is left", func() bool { return len(d.s.events("room gone")) == len(d.s.events("room created")) })
}

// inAEL has the rig take the dialplan in AEL.
func inAEL(o *rig.Options) {
	o.AEL = "#include \"sipconf/extensions.ael\"\n"
	o.Dialplan = slices.Clone(o.Dialplan)
	o.Dialplan[slices.Index(o.Dialplan, "[sipconf-out](+)")] = "[sipconf-out]"
}

// TestE2ECallBecomesConference is the article's first feature: Anna talks to Boris and presses *1. Both are in the room of her number.
// *1 again invites Clara. With either dialplan, and with the sound through Asterisk or past it.
func TestE2ECallBecomesConference(t *testing.T) {
	for i, way := range []struct {
		name   string
		change func(*rig.Options)
	}{
		{"extensions.conf", nil},
		{"AEL", inAEL},
		{"direct media", func(o *rig.Options) { o.DirectMedia = true }},
		{"keys by INFO", func(o *rig.Options) {
			o.Append = []string{"[101](+type=endpoint)", "dtmf_mode=info"}
		}},
	} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			d := newDesks(t, 30+i, 30000+400*i, "s3cret", way.change)
			anna := d.dials("101", "102")
			boris := d.picksUp("Boris", "102")
			d.talk(anna, boris)
			press(t, anna, "*1", way.name == "keys by INFO")
			d.wantJoined("101 Anna 101", "101 Boris 102")
			d.talk(anna, boris)
			if direct := boris.RemoteRTP().Addr().String() == d.net+"31"; direct != (way.name == "direct media") {
				t.Errorf("Boris sends his sound to %v", boris.RemoteRTP())
			}

			press(t, anna, "*1", way.name == "keys by INFO")
			if err := anna.AwaitTone(within(t), dialTone, dialToneLevel, 3); err != nil {
				t.Fatalf("Anna hears no dial tone: %v", err)
			}
			press(t, anna, "103#", way.name == "keys by INFO")
			clara := d.picksUp("Clara", "103")
			d.talk(anna, boris, clara)

			// Whom sipconf has called is at a phone that has *1 as well; in a room that is the room's.
			press(t, clara, "*1", false)
			if err := clara.AwaitTone(within(t), dialTone, dialToneLevel, 3); err != nil {
				t.Fatalf("Clara hears no dial tone: %v", err)
			}
			press(t, clara, "104#", false)
			dora := d.picksUp("Dora", "104")
			d.talk(anna, boris, clara, dora)
			d.wantUpgrades(1)
			d.wantJoined("101 Anna 101", "101 Boris 102", "101 Clara 103", "101 Dora 104")
			d.hangUp(anna, boris, clara, dora)
			complaints(t, d.pbx)
		})
	}
}

// complaints fails the test if Asterisk has warned of something.
func complaints(t *testing.T, pbx *rig.Asterisk) {
	t.Helper()
	for line := range strings.Lines(pbx.Log()) {
		if strings.Contains(line, "] WARNING[") || strings.Contains(line, "] ERROR[") {
			t.Errorf("Asterisk complains: %s", line)
		}
	}
}

// TestE2ECalleePresses: *1 is his who is called as well, and then the room is that of his number.
func TestE2ECalleePresses(t *testing.T) {
	t.Parallel()
	d := newDesks(t, 34, 31600, "s3cret", nil)
	anna := d.dials("101", "102")
	boris := d.picksUp("Boris", "102")
	d.talk(anna, boris)
	press(t, boris, "*1", false)
	d.wantJoined("102 Anna 101", "102 Boris 102")
	d.talk(anna, boris)
	press(t, anna, "*1", false)
	if err := anna.AwaitTone(within(t), dialTone, dialToneLevel, 3); err != nil {
		t.Fatalf("Anna hears no dial tone: %v", err)
	}
	press(t, anna, "103#", false)
	clara := d.picksUp("Clara", "103")
	d.talk(anna, boris, clara)
	d.wantUpgrades(1)
	d.hangUp(anna, boris, clara)
}

// TestE2EBothPress at the same time: there is one conference, of one of the two numbers, and both are in it.
func TestE2EBothPress(t *testing.T) {
	t.Parallel()
	d := newDesks(t, 35, 32000, "s3cret", nil)
	for round := range 5 {
		for _, c := range d.phones["102"].Calls() {
			t.Fatalf("a call is left: %v", c)
		}
		anna := d.dials("101", "102")
		boris := d.picksUp("Boris", "102")
		d.talk(anna, boris)
		pressed := make(chan error, 1)
		ctx := within(t)
		go func() { pressed <- boris.SendDTMF(ctx, "*1") }()
		press(t, anna, "*1", false)
		if err := <-pressed; err != nil {
			t.Fatal(err)
		}
		in := d.joined(2 * (round + 1))
		last := d.s.events("joined")[2*round:]
		if len(last) != 2 || last[0].Room != last[1].Room {
			t.Fatalf("round %d: %q", round, in)
		}
		d.talk(anna, boris)
		d.wantUpgrades(round + 1)
		d.hangUp(anna, boris)
	}
}

// TestE2ERoomIsThere: somebody is in the room of Anna's number already. Both join him.
func TestE2ERoomIsThere(t *testing.T) {
	t.Parallel()
	d := newDesks(t, 36, 32400, "s3cret", nil)
	dora := calls(t, "Dora", "104", d.net+"54", "sip:*1101@"+d.s.addr, tonesOf["104"])
	anna := d.dials("101", "102")
	boris := d.picksUp("Boris", "102")
	d.talk(anna, boris)
	press(t, anna, "*1", false)
	d.talk(anna, boris, dora)
	d.wantJoined("101 Anna 101", "101 Boris 102", "101 Dora 104")
	d.hangUp(anna, boris, dora)
}

// TestE2ETransferredCall: Anna has called Boris and handed him on to Clara, blindly or after a word with her. Each of the two
// who talk now, the third party too, can make a conference of it.
func TestE2ETransferredCall(t *testing.T) {
	for i, way := range []struct {
		name     string
		attended bool
		presses  string
	}{
		{"blind, the third party presses", false, "103"},
		{"blind, the one who was handed on presses", false, "102"},
		{"attended, the third party presses", true, "103"},
		{"attended, the one who was handed on presses", true, "102"},
	} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			d := newDesks(t, 37+i, 32800+400*i, "s3cret", nil)
			anna := d.dials("101", "102")
			boris := d.picksUp("Boris", "102")
			d.talk(anna, boris)
			handed := []*caller{anna}
			target := d.pbx.URI("103")
			if way.attended {
				if err := anna.Hold(within(t), phone.HoldSendOnly, false); err != nil {
					t.Fatal(err)
				}
				second := d.dials("101", "103")
				target += "?Replaces=" + replaces(second)
				handed = append(handed, second)
			}
			r, err := anna.Request(within(t), "REFER", nil, phone.Header{Name: "Refer-To", Value: "<" + target + ">"})
			if err != nil || r.Status != 202 {
				t.Fatalf("REFER: %v %v", r, err)
			}
			clara := d.picksUp("Clara", "103")
			d.talk(boris, clara)
			for _, c := range handed { // a phone that has handed a call on hangs up
				if err := c.Hangup(within(t)); err != nil {
					t.Error(err)
				}
			}
			if way.presses == "103" {
				press(t, clara, "*1", false)
			} else {
				press(t, boris, "*1", false)
			}
			d.wantJoined(way.presses+" Boris 102", way.presses+" Clara 103")
			d.talk(boris, clara)
			d.wantUpgrades(1)
			d.hangUp(boris, clara)
		})
	}
}

// replaces is what a Refer-To says of a call of our own that is to be taken over, escaped as a header in a URI.
func replaces(c *caller) string {
	tag := func(header string) string {
		_, tag, _ := strings.Cut(header, ";tag=")
		return tag
	}
	return strings.NewReplacer("@", "%40", ";", "%3B", "=", "%3D").Replace(
		c.ID() + ";to-tag=" + tag(c.Response().Header("To")) + ";from-tag=" + tag(c.Invite().Header("From")))
}

// TestE2ECallOnHold: Anna has put Boris on hold. Whoever of the two presses *1, both are in the room, no music gets in, and
// when she resumes they talk.
func TestE2ECallOnHold(t *testing.T) {
	for i, who := range []string{"Anna", "Boris"} {
		t.Run(who+" presses", func(t *testing.T) {
			t.Parallel()
			d := newDesks(t, 41+i, 34400+400*i, "s3cret", nil)
			anna := d.dials("101", "102")
			boris := d.picksUp("Boris", "102")
			dora := calls(t, "Dora", "104", d.net+"54", "sip:*1101@"+d.s.addr, tonesOf["104"])
			bystander := calls(t, "Emil", "105", d.net+"55", "sip:*1102@"+d.s.addr, 1900+271)
			d.talk(anna, boris)
			if err := anna.Hold(within(t), phone.HoldSendOnly, false); err != nil {
				t.Fatal(err)
			}
			anna.Mute(true) // as phones are on hold
			if err := boris.AwaitTone(within(t), rig.Music, rig.MusicLevel, tolerance); err != nil {
				t.Errorf("Boris hears no music: %v", err)
			}
			witness, room := dora, "101"
			if who == "Anna" {
				press(t, anna, "*1", false)
			} else {
				press(t, boris, "*1", false)
				witness, room = bystander, "102"
			}
			d.joined(4)
			for _, e := range d.s.events("joined")[2:] {
				if e.Room != room {
					t.Errorf("%s is in room %s, want %s", e.Name, e.Room, room)
				}
			}
			d.talk(boris, witness)
			silent(t, "music on hold", rig.Music, boris, witness)
			anna.Mute(false)
			if err := anna.Resume(within(t), false); err != nil {
				t.Fatal("Anna resumes: ", err)
			}
			d.talk(anna, boris, witness)
			d.hangUp(anna, boris, dora, bystander)
		})
	}
}
