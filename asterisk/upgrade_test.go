//go:build e2e && linux

package asterisk_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sipconf/sipconf/asterisk/rig"
	"github.com/sipconf/sipconf/bench/phone"
)

// *1 in a call between two phones: both are in a room, and nobody is dropped.

// TestE2ECallBecomesConference is the article's first feature: Anna talks to Boris and presses *1. Both are in the room of her number.
// *1 again invites Clara. With either dialplan, and with the sound through Asterisk or past it.
func TestE2ECallBecomesConference(t *testing.T) {
	for i, way := range []struct {
		name   string
		change func(*rig.Options)
	}{
		{"extensions.conf", nil},
		{"AEL", func(o *rig.Options) { o.AEL, o.Dialplan = inAEL(t), nil }},
		{"direct media", func(o *rig.Options) { o.DirectMedia = true }},
		{"keys by INFO", func(o *rig.Options) {
			o.Append = append([]string{"[101](+type=endpoint)", "dtmf_mode=info"}, o.Append...)
		}},
	} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			d := newDesks(t, 30+i, 30000+400*i, theSecret, way.change)
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

// TestE2ECalleePresses: *1 is his who is called as well, and then the room is that of his number.
func TestE2ECalleePresses(t *testing.T) {
	t.Parallel()
	d := newDesks(t, 34, 31600, theSecret, nil)
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
	d := newDesks(t, 35, 32000, theSecret, nil)
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
	d := newDesks(t, 36, 32400, theSecret, nil)
	dora := d.dials("104", "*1101")
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
			d := newDesks(t, 37+i, 32800+400*i, theSecret, nil)
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

// TestE2ECallOnHold: Anna has put Boris on hold. Whoever of the two presses *1, both are in the room, no music gets in, and
// when she resumes they talk.
func TestE2ECallOnHold(t *testing.T) {
	for i, who := range []string{"Anna", "Boris"} {
		t.Run(who+" presses", func(t *testing.T) {
			t.Parallel()
			d := newDesks(t, 41+i, 34400+400*i, theSecret, nil)
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

// TestE2EManagerAway: without the manager *1 does nothing, and they talk on. The operator mends the secret, reloads, and Asterisk
// is started anew: sipconf is there again each time.
func TestE2EManagerAway(t *testing.T) {
	t.Parallel()
	d := newDesks(t, 43, 35200, theSecret, func(o *rig.Options) { o.Manager = "another" })
	d.s.await(t, "the login is refused", func() bool {
		return strings.Contains(strings.Join(d.s.log(), "\n"), "Asterisk refuses the login of sipconf (Authentication failed): is there a section [sipconf]")
	})
	anna := d.dials("101", "102")
	boris := d.picksUp("Boris", "102")
	d.talk(anna, boris)
	press(t, anna, "*1", false)
	d.talk(anna, boris)
	if err := d.pbx.Edit("manager.conf", "secret=another", "secret=s3cret"); err != nil {
		t.Fatal(err)
	}
	d.pbx.CLI("manager reload")
	d.connected(1)
	press(t, anna, "*1", false)
	d.wantJoined("101 Anna 101", "101 Boris 102")
	d.talk(anna, boris)
	d.hangUp(anna, boris)

	d.pbx.CLI("manager reload") // and nothing has changed
	anna = d.dials("101", "102")
	boris = d.picksUp("Boris", "102")
	d.talk(anna, boris)
	press(t, boris, "*1", false)
	d.wantJoined("101 Anna 101", "101 Boris 102", "102 Anna 101", "102 Boris 102")
	d.hangUp(anna, boris)

	if err := d.pbx.Restart(); err != nil {
		t.Fatal(err)
	}
	d.connected(2)
	d.available()
	anna = d.dials("101", "102")
	boris = d.picksUp("Boris", "102")
	d.talk(anna, boris)
	press(t, anna, "*1", false)
	d.joined(6)
	d.talk(anna, boris)
	d.wantUpgrades(3)
	d.hangUp(anna, boris)
}

// TestE2EPowerlessAccount: write = call is missing. sipconf says so at once, not when somebody presses.
func TestE2EPowerlessAccount(t *testing.T) {
	t.Parallel()
	d := newDesks(t, 44, 35600, theSecret, func(o *rig.Options) { o.Manager = "another" })
	if err := d.pbx.Edit("manager.conf", "secret=another", "secret=s3cret\nwrite=command"); err != nil {
		t.Fatal(err)
	}
	d.pbx.CLI("manager reload")
	d.s.await(t, "what is missing", func() bool { return strings.Contains(strings.Join(d.s.log(), "\n"), "write = call is missing") })
}

// TestE2EUpgradeRefused: the room is full, locked, or no place of the dialplan leads there. They talk on as before.
func TestE2EUpgradeRefused(t *testing.T) {
	for i, way := range []struct {
		name, account, sections, says string
	}{
		{"full", theSecret, "rooms: {max_participants: 2}\n", "the room is full"},
		{"locked", theSecret, "", "the room is locked"},
		{"no such context", theSecret + ", context: nowhere", "", "has no *1101 in the context nowhere"},
		{"no such number", theSecret, "numbers: [{pattern: \"_5XXX\", room: \"${EXTEN}\"}, {pattern: \"_*199X\", room: \"${EXTEN:2}\"}, {pattern: \"9\", room: \"101\"}]\n", "the number *1101 does not lead to this room"},
	} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			d := newDesks(t, 45+i, 36000+400*i, way.account, nil, way.sections)
			number := "*1101"
			if way.name == "no such number" {
				number = "9"
			}
			dora := calls(t, "Dora", "104", d.net+"54", "sip:"+number+"@"+d.s.addr, tonesOf["104"])
			if way.name == "locked" {
				press(t, dora, "*9", false)
				d.s.await(t, "the room is locked", func() bool { return strings.Contains(strings.Join(d.s.log(), "\n"), "locked") })
			}
			anna := d.dials("101", "102")
			boris := d.picksUp("Boris", "102")
			d.talk(anna, boris)
			press(t, anna, "*1", false)
			d.s.await(t, way.says, func() bool {
				no := d.s.events(becomesNo)
				return len(no) == 1 && strings.Contains(no[0].Err, way.says)
			})
			d.talk(anna, boris)
			d.wantUpgrades(0)
			d.wantJoined("101 Dora 104")
			d.endsCall(anna, boris)
			d.hangUp(dora)
		})
	}
}

// TestE2EKeyInTheRoom: however a phone has come into a room, there *1 is the room's key.
func TestE2EKeyInTheRoom(t *testing.T) {
	t.Parallel()
	d := newDesks(t, 49, 37600, theSecret, func(o *rig.Options) {
		o.Dialplan = append([]string{"exten => _7X.,1,Dial(Local/${EXTEN:1}@sipconf)"}, o.Dialplan...)
	})
	hasKey := func(c *caller, how string) {
		t.Helper()
		press(t, c, "*1", false)
		if err := c.AwaitTone(within(t), dialTone, dialToneLevel, 3); err != nil {
			t.Errorf("%s, who %s, hears no dial tone: %v", c.name, how, err)
		}
		press(t, c, "#", false) // never mind
	}
	dora := d.dials("104", "*15234")
	hasKey(dora, "has dialled the room")
	anna := d.dials("101", "75234") // in the manner of the article: service codes in a context of their own
	d.talk(anna, dora)
	hasKey(anna, "has dialled the room by way of a Local channel")

	// Anna calls Boris and hands him over into the room, to her second call, which is there.
	first := d.dials("101", "102")
	boris := d.picksUp("Boris", "102")
	d.talk(first, boris)
	if err := first.Hold(within(t), phone.HoldSendOnly, false); err != nil {
		t.Fatal(err)
	}
	r, err := first.Request(within(t), "REFER", nil, phone.Header{Name: "Refer-To", Value: "<" + d.pbx.URI("75234") + "?Replaces=" + replaces(anna) + ">"})
	if err != nil || r.Status != 202 {
		t.Fatalf("REFER: %v %v", r, err)
	}
	d.talk(boris, dora)
	hasKey(boris, "was handed over into the room")
	for _, c := range []*caller{first, anna} {
		if err := c.Hangup(within(t)); err != nil {
			t.Error(err)
		}
	}
	d.talk(boris, dora)
	d.wantUpgrades(0)
	d.hangUp(boris, dora)
}

// TestE2EThroughLocalChannel: Boris is called by way of a channel in between that stays there, as queues and ring groups do.
func TestE2EThroughLocalChannel(t *testing.T) {
	t.Parallel()
	d := newDesks(t, 50, 38000, theSecret, func(o *rig.Options) {
		o.Dialplan = append([]string{"exten => 8102,1,Dial(Local/102@phones/n)"}, o.Dialplan...)
	})
	for round, presser := range []string{"101", "102"} {
		anna := d.dials("101", "8102")
		boris := d.picksUp("Boris", "102")
		d.talk(anna, boris)
		if presser == "101" {
			press(t, anna, "*1", false)
		} else {
			press(t, boris, "*1", false)
		}
		d.joined(2 * (round + 1))
		for _, e := range d.s.events("joined")[2*round:] {
			if e.Room != presser {
				t.Errorf("%s %s is in room %s, want %s", e.Name, e.Number, e.Room, presser)
			}
		}
		d.talk(anna, boris)
		d.hangUp(anna, boris)
	}
}

// TestE2EStrangeNumbers: a number with another channel in it moves nobody else, and without a number there is no room.
func TestE2EStrangeNumbers(t *testing.T) {
	t.Parallel()
	d := newDesks(t, 51, 38400, theSecret, func(o *rig.Options) {
		o.Dialplan = append([]string{
			"exten => _8X.,1,Set(CALLERID(num)=+101,Channel2: PJSIP/104-00000000)", " same => n,Dial(PJSIP/${EXTEN:1})",
			"exten => _7X.,1,Set(CALLERID(num)=)", " same => n,Dial(PJSIP/${EXTEN:1})",
		}, o.Dialplan...)
	})
	dora := d.dials("104", "103")
	clara := d.picksUp("Clara", "103")
	d.talk(clara, dora)
	for _, c := range []struct{ number, says string }{{"8102", "does not lead to this room"}, {"7102", "names no room"}} {
		before := len(d.s.events(becomesNo))
		anna := d.dials("101", c.number)
		boris := d.picksUp("Boris", "102")
		d.talk(anna, boris)
		press(t, anna, "*1", false)
		d.s.await(t, c.says, func() bool {
			no := d.s.events(becomesNo)
			return len(no) == before+1 && strings.Contains(no[before].Err, c.says)
		})
		d.talk(anna, boris)
		d.endsCall(anna, boris)
	}
	d.talk(clara, dora)
	d.wantUpgrades(0)
	d.endsCall(dora, clara)
}

// TestE2ETwoExchanges: two Asterisks, with channels of the same names, and *1 at both within a second.
func TestE2ETwoExchanges(t *testing.T) {
	t.Parallel()
	one := newDesks(t, 52, 38800, "secret: s3cret}, {name: second, address: 127.1.53.21, username: sipconf, secret: other", nil)
	two := &desks{T: t, net: "127.1.53.", ports: 39200, phones: map[string]*phone.Phone{"102": picksUp(t, "102", "127.1.53.42:5060", 1130)}, s: one.s}
	two.pbx = rig.Start(t, rig.Options{
		Addr: "127.1.53.21", Ports: ports(39400), Sipconf: one.s.addr, Manager: "other", Append: asksOften,
		Phones: []rig.Phone{{Name: "Igor", Number: "101"}, {Name: "Kira", Number: "102", Addr: "127.1.53.42:5060"}},
	})
	one.connected(2)
	two.available()
	anna, igor := one.dials("101", "102"), two.dials("101", "102")
	boris, kira := one.picksUp("Boris", "102"), two.picksUp("Kira", "102")
	one.talk(anna, boris)
	one.talk(igor, kira)
	press(t, anna, "*1", false)
	press(t, kira, "*1", false)
	one.wantJoined("101 Anna 101", "101 Boris 102", "102 Igor 101", "102 Kira 102")
	one.talk(anna, boris)
	one.talk(igor, kira)
	for _, c := range []*caller{igor, kira} {
		if err := c.Hangup(within(t)); err != nil {
			t.Error(err)
		}
	}
	one.hangUp(anna, boris)
}

// TestE2EAgainAndAgain: the redirect comes while Asterisk is still busy with the keys, so often that a race would show.
func TestE2EAgainAndAgain(t *testing.T) {
	t.Parallel()
	d := newDesks(t, 54, 39600, theSecret, nil)
	for round := range 20 {
		anna := d.dials("101", "102")
		boris := d.picksUp("Boris", "102")
		if err := boris.AwaitTone(within(t), anna.hz, spoken, tolerance); err != nil {
			t.Fatal(err)
		}
		press(t, []*caller{anna, boris}[round%2], "*1", false)
		d.joined(2 * (round + 1))
		d.hangUp(anna, boris)
	}
	d.wantUpgrades(20)
}

// TestE2EUnavailableServer: Asterisk believes that sipconf is not there, as it does for a while after sipconf was started anew. It
// would hang both up.
func TestE2EUnavailableServer(t *testing.T) {
	t.Parallel()
	d := newDesks(t, 55, 40000, theSecret, func(o *rig.Options) { o.Sipconf = "127.1.55.32:5060" })
	for deadline := time.Now().Add(patience); !strings.Contains(d.pbx.CLI("pjsip show contacts"), "Unavail"); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("for Asterisk it is there")
		}
	}
	anna := d.dials("101", "102")
	boris := d.picksUp("Boris", "102")
	d.talk(anna, boris)
	press(t, anna, "*1", false)
	d.s.await(t, "it is Unavail", func() bool {
		no := d.s.events(becomesNo)
		return len(no) == 1 && strings.Contains(no[0].Err, "Unavail")
	})
	d.talk(anna, boris)
	d.endsCall(anna, boris)
}
