//go:build e2e && linux

package asterisk_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipconf/sipconf/asterisk/rig"
	"github.com/sipconf/sipconf/bench/phone"
)

// What the article asks for: while anybody of the office is in room 354233, one line of the provider's is in the far conference; and
// when the last has left, it is not.

// officeRoom is the room that is connected, which has the number of the far one.
const officeRoom = farDigits

// linked is the configuration of docs/links.md, over a trunk to that address. The waits are short, for it is a test.
func linked(t *testing.T, trunk string, keys ...string) string {
	t.Helper()
	page := strings.Replace(quoted(t, "links.md", "yaml", 1), "sip:192.0.2.10:5060", "sip:"+trunk+":5060", 1)
	if !strings.Contains(page, trunk) || !strings.Contains(page, farNumber) {
		t.Fatalf("docs/links.md has another example:\n%s", page)
	}
	for _, key := range append([]string{"retry: [0s, 1s]", "ended: 1s"}, keys...) {
		page += "\n    " + key // of the link, which stands last
	}
	return page + "\n"
}

// connected waits until the far side has got so many calls, and its digits every time; and then until somebody here hears somebody there, which takes some
// seconds more: sipconf first listens whether the question is asked again.
func (f *farSide) connected(times int, ear, mouth *caller) {
	f.t.Helper()
	took := f.awaits(fmt.Sprintf("the digits for the %d. time", times), 3*patience, func() bool {
		return slices.Equal(f.pressed(), slices.Repeat([]string{farDigits}, times))
	})
	ctx, cancel := context.WithTimeout(f.t.Context(), 3*patience)
	defer cancel()
	begin := time.Now()
	if err := ear.AwaitTone(ctx, mouth.hz, spoken, 2*tolerance); err != nil {
		f.t.Fatalf("%s does not hear %s: %v", ear.name, mouth.name, err)
	}
	f.t.Logf("the digits are there after %s, and %s hears %s %s later", took.Round(10*time.Millisecond), ear.name, mouth.name, time.Since(begin).Round(10*time.Millisecond))
}

// byes is how many BYEs the far side has got from that address.
func (f *farSide) byes(from string) (n int) {
	for _, message := range strings.Split(f.Log(), "Received SIP request ")[1:] {
		head, body, _ := strings.Cut(message, "--->\n")
		if strings.Contains(head, "from UDP:"+from+":5060") && strings.HasPrefix(body, "BYE ") {
			n++
		}
	}
	return n
}

// leavesLast hangs up the last one in the office, and waits until the far side has a BYE for it.
func (f *farSide) leavesLast(last *caller, from string) {
	f.t.Helper()
	before, begin := f.byes(from), time.Now()
	if err := last.Hangup(within(f.t)); err != nil {
		f.t.Error(err)
	}
	f.awaits("a BYE", patience, func() bool { return f.byes(from) > before })
	took := time.Since(begin)
	f.t.Logf("the far side has its BYE %s after %s has hung up", took.Round(time.Millisecond), last.name)
	if took > time.Second {
		f.t.Error("that is more than a second")
	}
	f.awaits("no call of the office is left", patience, func() bool { return f.inside() == 0 })
}

// heardNothing checks that somebody has heard nothing of hz since he records.
func heardNothing(t *testing.T, ear *caller, what string, hz float64) {
	t.Helper()
	const window = phone.Rate / 5
	heard := ear.Recording()
	if len(heard) < window {
		t.Fatalf("%s has heard nothing at all", ear.name)
	}
	for at := 0; at+window <= len(heard); at += window {
		if level := phone.ToneLevel(heard[at:at+window], hz); level > softLevel-12 {
			t.Errorf("%s hears %s at %.1f dBFS, %.1f s after the begin", ear.name, what, level, float64(at)/phone.Rate)
			return
		}
	}
}

// TestE2ELink is the article, with a PBX between sipconf and the provider. Anna dials the room, and the line comes up; Boris comes, and it is still
// one line; the far side is killed and comes back; and when both have gone it gets a BYE.
func TestE2ELink(t *testing.T) {
	t.Parallel()
	const pbxAddr, farAddr, addr, local = "127.0.52.21", "127.0.52.22", "127.0.52.31", "127.0.52.41"
	far := farConference(t, farAddr, pbxAddr, "rfc4733", 51300)
	pjsip, dialplan := mikopbx.calls(t, farAddr)
	pbx := rig.Start(t, rig.Options{
		Addr: pbxAddr, Ports: ports(51200), Sipconf: addr + ":5060", Append: append(pjsip, "rtp_timeout=4"), Dialplan: dialplan,
		Phones: []rig.Phone{{Name: "Anna", Number: "101"}, {Name: "Boris", Number: "102"}},
	})
	serve(t, addr, 51000, linked(t, pbxAddr, "lost: 4s"))
	fedor := calls(t, "Fedor", "701", local, far.URI("room"), 1130)
	if n := far.asked(); n != 0 {
		t.Fatalf("the far side was called %d times, and nobody is in the room", n)
	}

	anna := calls(t, "Anna", "101", local, pbx.URI(officeRoom), 370)
	anna.Record()
	far.connected(1, anna, fedor)
	heardNothing(t, anna, "the question of the far side", questionHz)
	talk(t, anna, fedor)
	boris := calls(t, "Boris", "102", local, pbx.URI(officeRoom), 1490)
	talk(t, anna, boris, fedor)
	if n, asked := far.inside(), far.asked(); n != 1 || asked != 1 {
		t.Errorf("%d calls of the office at the far side, and %d in all, want one", n, asked)
	}

	far.Kill()
	killed := time.Now()
	if err := far.Restart(); err != nil {
		t.Fatal(err)
	}
	fedor = calls(t, "Fedor", "701", local, far.URI("room"), 1130)
	far.connected(2, anna, fedor)
	t.Logf("the line is up again %s after the far side was killed", time.Since(killed).Round(10*time.Millisecond))
	talk(t, anna, boris, fedor)
	if n := far.inside(); n != 1 {
		t.Errorf("%d calls of the office at the far side, want one", n)
	}

	if err := boris.Hangup(within(t)); err != nil {
		t.Error(err)
	}
	silent(t, "Boris, who is gone", boris.hz, anna, fedor)
	talk(t, anna, fedor)
	far.leavesLast(anna, pbxAddr)
	silent(t, "Anna, who is gone", anna.hz, fedor)
}

// TestE2ELinkDigits: sipconf calls the provider without a PBX, which takes keys as events, as tones in the sound, or in INFO.
func TestE2ELinkDigits(t *testing.T) {
	for i, mode := range []struct{ dtmf, send string }{{"rfc4733", "auto"}, {"inband", "auto"}, {"info", "info"}} {
		t.Run(mode.dtmf, func(t *testing.T) {
			t.Parallel()
			at := func(host int) string { return netip.AddrFrom4([4]byte{127, 0, 53, byte(host + i)}).String() }
			farAddr, addr, local := at(21), at(31), at(41)
			far := farConference(t, farAddr, addr, mode.dtmf, 57600+100*i)
			s := serve(t, addr, 57000+200*i, linked(t, farAddr, "lost: 4s", "send: "+mode.send))
			fedor := calls(t, "Fedor", "701", local, far.URI("room"), 1130)
			anna := calls(t, "Anna", "101", local, "sip:"+officeRoom+"@"+s.addr, 370)
			anna.Record()
			far.connected(1, anna, fedor)
			heardNothing(t, anna, "the question of the far side", questionHz)
			talk(t, anna, fedor)
			if i == 0 {
				fedor = far.isDeadForAWhile(s, anna, local)
				talk(t, anna, fedor)
			}
			far.leavesLast(anna, addr)
		})
	}
}

// TestE2ELinkIsAskedAgain: the far side has not taken the digits, and asks its question once more. It gets them once more, and nobody in the room hears
// any of that. It sends nothing while it waits for digits, and its RTCP comes less often than it is looked for: it is asked whether it is there.
func TestE2ELinkIsAskedAgain(t *testing.T) {
	t.Parallel()
	const farAddr, addr, local = "127.0.52.61", "127.0.52.62", "127.0.52.63"
	far := farConference(t, farAddr, addr, "rfc4733", 58600)
	config := strings.NewReplacer(farNumber, forgetful, "ww"+farDigits, "W"+farDigits).Replace(linked(t, farAddr, "lost: 2s"))
	s := serve(t, addr, 58000, config)
	fedor := calls(t, "Fedor", "701", local, far.URI("room"), 1130)
	anna := calls(t, "Anna", "101", local, "sip:"+officeRoom+"@"+s.addr, 370)
	anna.Record()
	far.connected(2, anna, fedor)
	heardNothing(t, anna, "the question of the far side", questionHz)
	talk(t, anna, fedor)
	if n := strings.Count(far.Log(), "["+forgetful+"@phones:1] Answer("); n != 1 {
		t.Errorf("the far side was dialled %d times, want once", n)
	}
	far.leavesLast(anna, addr)
}

// isDeadForAWhile kills the far side, and starts it again when it was dialled in vain; Fedor comes back, and is heard. Sipconf itself sees that it
// is dead, for there is no PBX in between.
func (f *farSide) isDeadForAWhile(s *server, ear *caller, local string) (fedor *caller) {
	f.t.Helper()
	f.Kill()
	killed := time.Now()
	before := len(s.events("dialled"))
	s.await(f.t, "it is dialled in vain", func() bool { return len(s.events("dialled")) > before })
	f.t.Logf("it was dialled again %s after the far side was killed", time.Since(killed).Round(10*time.Millisecond))
	if err := f.Restart(); err != nil {
		f.t.Fatal(err)
	}
	back := time.Now()
	fedor = calls(f.t, "Fedor", "701", local, f.URI("room"), 1130)
	f.connected(2, ear, fedor)
	f.t.Logf("the line is up again %s after it was back", time.Since(back).Round(10*time.Millisecond))
	if n := f.inside(); n != 1 {
		f.t.Errorf("%d calls of the office at the far side, want one", n)
	}
	return fedor
}

// TestE2ELinkIsAloneUntilItIsIn: a phone plays the far side, so that it can be said what it hears: of the room nothing before the last digit, although
// Anna talks all the time; and of its question Anna hears nothing.
func TestE2ELinkIsAloneUntilItIsIn(t *testing.T) {
	t.Parallel()
	const farAddr, addr, local = "127.0.54.22", "127.0.54.31", "127.0.54.41"
	asked := make(chan *phone.Call, 1)
	far, err := phone.New(phone.Config{
		Local: netip.MustParseAddrPort(farAddr + ":5060"), Number: farNumber,
		Answer: func(in *phone.Incoming) {
			if c, err := in.Accept(); err == nil {
				c.Record()
				c.Speak(phone.Samples(question(t, questionLevel)))
				asked <- c
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(far.Close)
	s := serve(t, addr, 53000, linked(t, farAddr, "lost: 4s"))
	anna := calls(t, "Anna", "101", local, "sip:"+officeRoom+"@"+s.addr, 370)
	anna.Record()
	var line *caller
	select {
	case c := <-asked:
		line = &caller{Call: c, t: t, name: "the far side", hz: 1130}
	case <-within(t).Done():
		t.Fatal("the far side was not called")
	}
	pressed := ""
	presses := func(count int) {
		t.Helper()
		if err := line.Await(within(t), func(c *phone.Call) bool { pressed += c.Digits(); return len(pressed) >= count }); err != nil {
			t.Fatalf("pressed so far: %q: %v", pressed, err)
		}
	}
	presses(len(farDigits) - 1)
	heardNothing(t, line, "the room", anna.hz)
	heardNothing(t, anna, "the question", questionHz)
	presses(len(farDigits))
	line.Speak(phone.Tone(line.hz, spoken))
	converse(t, anna, line)
	if pressed += line.Digits(); pressed != farDigits {
		t.Errorf("pressed: %q, want %q", pressed, farDigits)
	}
	begin := time.Now()
	if err := anna.Hangup(within(t)); err != nil {
		t.Error(err)
	}
	select {
	case <-line.Done():
		t.Logf("its BYE came %s after Anna has hung up", time.Since(begin).Round(time.Millisecond))
	case <-time.After(time.Second):
		t.Error("no BYE within a second")
	}
}
