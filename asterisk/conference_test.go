//go:build e2e && linux

package asterisk_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipconf/sipconf/asterisk/rig"
	"github.com/sipconf/sipconf/bench/phone"
)

// What the daily work is: *1 and a number, *100 and a whole group, behind a real Asterisk.

// dialTone is the pitch of the tones of an exchange, and dialToneLevel how loud sipconf plays them, in dBFS.
const (
	dialTone      = 425.0
	dialToneLevel = -24.0
)

// sipconfMayDial lets sipconf dial the phones of the rig, as docs/asterisk.md has it.
var sipconfMayDial = []string{"[sipconf-out](+)", "exten => _10X,1,Dial(PJSIP/${EXTEN},60)", " same => n,Hangup(${HANGUPCAUSE})"}

// through is the configuration of a sipconf that dials through that Asterisk.
func through(pbx string) string {
	return fmt.Sprintf("trunks: [{name: pbx, address: \"sip:%s:5060\", internal: true, probe: 1s}]\n", pbx)
}

// answered is the one call that a phone has answered, as a caller of the room.
func answered(t *testing.T, name string, p *phone.Phone, hz float64) *caller {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if all := p.Calls(); len(all) > 0 {
			return &caller{Call: all[0], t: t, name: name, hz: hz}
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s was not called", name)
		}
	}
}

// TestE2EInviteByDialling: Anna is in a room, presses *1, hears a dial tone, dials Boris, and he is in. The keys come as RFC 4733
// events that Asterisk relays, as events that Asterisk makes of INFO, and as INFO from a phone that dials sipconf directly.
func TestE2EInviteByDialling(t *testing.T) {
	for i, way := range []struct {
		name   string
		append []string
		direct bool
	}{
		{name: "events"},
		{name: "made by Asterisk", append: []string{"[101](+type=endpoint)", "dtmf_mode=info"}},
		{name: "in the sound", append: []string{"[101](+type=endpoint)", "dtmf_mode=inband", "[sipconf](+type=endpoint)", "dtmf_mode=inband"}},
		{name: "INFO", direct: true},
	} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			pbxAddr := fmt.Sprintf("127.0.21.%d", 21+i)
			addr, local := fmt.Sprintf("127.0.21.%d", 31+i), fmt.Sprintf("127.0.21.%d", 41+i)
			boris := picksUp(t, "102", local+":5060", 1130)
			pbx := rig.Start(t, rig.Options{
				Addr: pbxAddr, Ports: ports(50600 + 400*i), Sipconf: addr + ":5060", Append: way.append, Dialplan: sipconfMayDial,
				Phones: []rig.Phone{{Name: "Anna", Number: "101"}, {Name: "Boris", Number: "102", Addr: local + ":5060"}, {Name: "Dora", Number: "104"}},
			})
			s := serve(t, addr, 50400+400*i, through(pbxAddr))
			uri := pbx.URI("*15234")
			if way.direct {
				uri = "sip:*15234@" + s.addr
			}
			anna := calls(t, "Anna", "101", local, uri, 370)
			dora := calls(t, "Dora", "104", local, pbx.URI("*15234"), 1490)
			converse(t, anna, dora)

			press := map[string]func(*testing.T, *caller, string){
				"events": events, "made by Asterisk": infos, "in the sound": tones, "INFO": infos,
			}[way.name]
			press(t, anna, "*1")
			if err := anna.AwaitTone(within(t), dialTone, dialToneLevel, 3); err != nil {
				t.Fatalf("Anna hears no dial tone: %v", err)
			}
			silent(t, "Anna, who dials", anna.hz, dora)
			press(t, anna, "102#")
			converse(t, anna, dora, answered(t, "Boris", boris, 1130))

			in := boris.Calls()[0].Invite()
			if from := in.Header("From"); !strings.Contains(from, "5234") {
				t.Errorf("Boris is called by %s", from)
			}
			// Boris hangs up, and the room goes on.
			if err := boris.Calls()[0].Hangup(within(t)); err != nil {
				t.Error(err)
			}
			silent(t, "Boris, who is gone", 1130, anna, dora)
			converse(t, anna, dora)
		})
	}
}

// events, infos and tones press keys in three ways.
func events(t *testing.T, c *caller, keys string) { press(t, c, keys, false) }

func infos(t *testing.T, c *caller, keys string) { press(t, c, keys, true) }

func tones(t *testing.T, c *caller, keys string) {
	t.Helper()
	const pad = "123A456B789C*0#D"
	rows, columns := [4]float64{697, 770, 852, 941}, [4]float64{1209, 1336, 1477, 1633} // ITU-T Q.23
	for _, key := range []byte(keys) {
		at := strings.IndexByte(pad, key)
		both := phone.Sum(phone.Tone(rows[at/4], -12), phone.Tone(columns[at%4], -12))
		<-c.Speak(phone.Burst(both, 100*time.Millisecond)).Done()
		<-c.Speak(phone.Samples(make([]int16, 800))).Done()
	}
	c.Speak(phone.Tone(c.hz, spoken))
}

// TestE2EInviteFails: whom Anna dials is busy, declines, does not exist: she hears it alone, and is back in the room.
func TestE2EInviteFails(t *testing.T) {
	t.Parallel()
	const pbxAddr, addr, local = "127.0.22.21", "127.0.22.31", "127.0.22.41"
	status := make(chan int, 1)
	boris := refuses(t, "102", local+":5060", func() int { return <-status })
	pbx := rig.Start(t, rig.Options{
		Addr: pbxAddr, Ports: ports(52600), Sipconf: addr + ":5060", Dialplan: sipconfMayDial,
		Phones: []rig.Phone{{Name: "Anna", Number: "101"}, {Name: "Boris", Number: "102", Addr: boris.Addr().String()}, {Name: "Clara", Number: "103"}, {Name: "Dora", Number: "104"}},
	})
	s := serve(t, addr, 52400, through(pbxAddr))
	anna := calls(t, "Anna", "101", local, pbx.URI("*15234"), 370)
	dora := calls(t, "Dora", "104", local, pbx.URI("*15234"), 1490)
	for _, c := range []struct {
		number  string
		status  int
		outcome string
	}{
		{"102", 486, "busy"}, {"102", 603, "declined"}, {"103", 0, "unreachable"}, {"199", 0, "failed: refused (404)"}, {"00441234", 0, "failed: not allowed"},
	} {
		converse(t, anna, dora)
		if c.status != 0 {
			status <- c.status
		}
		before := len(s.events("dialled"))
		press(t, anna, "*1"+c.number+"#", false)
		s.await(t, c.number+": "+c.outcome, func() bool {
			all := s.events("dialled")
			return len(all) > before && strings.HasPrefix(all[len(all)-1].Outcome, c.outcome)
		})
		if err := anna.AwaitTone(within(t), dialTone, dialToneLevel, 6); err != nil {
			t.Errorf("%s: Anna hears no tone: %v", c.outcome, err)
		}
		if level := dora.Hear(dialTone); level > spoken-own {
			t.Errorf("%s: Dora hears Anna's tone at %.1f dBFS", c.outcome, level)
		}
		press(t, anna, "#", false) // she has heard enough of it
	}
	converse(t, anna, dora)
}

// refuses makes a phone that refuses each call with what status says; 0: it rings until the caller gives up.
func refuses(t *testing.T, number, local string, status func() int) *phone.Phone {
	t.Helper()
	p, err := phone.New(phone.Config{
		Local: netip.MustParseAddrPort(local), Number: number,
		Answer: func(in *phone.Incoming) {
			if s := status(); s != 0 {
				in.Reject(s)
				return
			}
			in.Ring()
			<-in.Cancelled()
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// TestE2EGroupBehindAsterisk: the director dials *100. Of the seven in the group two answer, one is there already, one is busy, one
// declines, one never answers, and one has a voicemail that answers and speaks. Who is in the room is who should be.
func TestE2EGroupBehindAsterisk(t *testing.T) {
	t.Parallel()
	const pbxAddr, addr = "127.0.23.21", "127.0.23.31"
	at := func(n int) string { return fmt.Sprintf("127.0.23.%d:5060", 40+n) }
	always := func(status int) func() int { return func() int { return status } }
	boris, clara := picksUp(t, "102", at(2), 1130), picksUp(t, "103", at(3), 1490)
	refuses(t, "105", at(5), always(486))
	refuses(t, "106", at(6), always(603))
	refuses(t, "107", at(7), always(0))
	voicemail := picksUp(t, "108", at(8), 2330)
	var behind []rig.Phone
	for n, name := range []string{"Anna", "Boris", "Clara", "Dora", "Emil", "Fedor", "Galina", "Hans"} {
		behind = append(behind, rig.Phone{Name: name, Number: fmt.Sprint(101 + n), Addr: at(1 + n)})
	}
	pbx := rig.Start(t, rig.Options{
		Addr: pbxAddr, Ports: ports(53600), Sipconf: addr + ":5060", Phones: behind,
		Dialplan: append([]string{"include => sipconf-groups"}, sipconfMayDial...),
	})
	s := serve(t, addr, 53400, through(pbxAddr)+`
groups:
  store: list
  ring: 4s
  list:
    "100":
      - {extension: "102", name: Boris}
      - {extension: "103", name: Clara}
      - {extension: "104", name: Dora}
      - {extension: "105", name: Emil}
      - {extension: "106", name: Fedor}
      - {extension: "107", name: Galina}
      - {extension: "108 press-1", name: Hans}
dialout: {accept: 4s}
numbers:
  - {pattern: "_*XXX", group: "${EXTEN:1}", room: "${CALLERID(num)}"}
  - {pattern: "_X!", room: "${EXTEN}"}
`)
	dora := calls(t, "Dora", "104", "127.0.23.54", "sip:101@"+s.addr, 1900) // is in Anna's room before her
	anna := calls(t, "Anna", "101", "127.0.23.51", pbx.URI("*100"), 370)
	hans := answered(t, "Hans", voicemail, 2330) // as long as he is asked to press 1
	room := []*caller{anna, dora, answered(t, "Boris", boris, 1130), answered(t, "Clara", clara, 1490)}
	converse(t, room...)
	outcomes := func() map[string]string {
		all := map[string]string{}
		for _, e := range s.events("dialled") {
			all[e.Number] = e.Outcome
		}
		return all
	}
	s.await(t, "all six are over", func() bool { return len(outcomes()) == 6 })
	for number, want := range map[string]string{
		"102": "answered", "103": "answered", "105": "busy", "106": "declined", "107": "no answer", "108": "answered",
	} {
		if got := outcomes()[number]; !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q, want %q", number, got, want)
		}
	}
	// The voicemail has heard the prompt, pressed nothing, and is hung up; nobody has heard it.
	for _, c := range room {
		if level := c.Hear(hans.hz); level > spoken-own {
			t.Errorf("%s hears the voicemail at %.1f dBFS", c.name, level)
		}
	}
	select {
	case <-hans.Done():
	case <-within(t).Done():
		t.Error("the voicemail is still there")
	}
	var in []string
	for _, e := range s.events("joined") {
		in = append(in, e.Number)
	}
	slices.Sort(in)
	if got := strings.Join(in, " "); got != "101 102 103 104" {
		t.Errorf("in the room are %s", got)
	}
	converse(t, room...)

	// The key again calls those who are missing, and only those.
	before := len(s.events("dialled"))
	press(t, anna, "**1", false)
	s.await(t, "four are called again", func() bool { return len(s.events("dialled")) == before+4 })
	for _, e := range s.events("dialled")[before:] {
		if e.Number == "102" || e.Number == "103" || e.Number == "104" {
			t.Errorf("%s is called again", e.Number)
		}
	}
	converse(t, room...)
}

// TestE2ELoop: Anna dials another room out of her own, and the operator has let sipconf dial whatever his phones may dial. Asterisk passes no header
// of ours on, but the drop-in refuses a call of sipconf's that leads back to sipconf.
func TestE2ELoop(t *testing.T) {
	t.Parallel()
	const pbxAddr, addr, local = "127.0.24.21", "127.0.24.31", "127.0.24.41"
	pbx := rig.Start(t, rig.Options{
		Addr: pbxAddr, Ports: ports(54600), Sipconf: addr + ":5060", Dialplan: []string{"[sipconf-out](+)", "include => phones"},
		Phones: []rig.Phone{{Name: "Anna", Number: "101"}, {Name: "Dora", Number: "104"}},
	})
	s := serve(t, addr, 54400, through(pbxAddr))
	anna := calls(t, "Anna", "101", local, pbx.URI("*15234"), 370)
	dora := calls(t, "Dora", "104", local, pbx.URI("*15235"), 1490)
	for _, number := range []string{"5235", "5234"} {
		before := len(s.events("dialled"))
		press(t, anna, "*1"+number+"#", false)
		s.await(t, number+" is refused", func() bool {
			all := s.events("dialled")
			return len(all) > before && all[len(all)-1].Outcome == "failed: refused (404)"
		})
		press(t, anna, "#", false)
	}
	silent(t, "Anna, from another room", anna.hz, dora)
	if n := len(s.events("joined")); n != 2 {
		t.Errorf("%d have joined, want Anna and Dora alone", n)
	}
}
