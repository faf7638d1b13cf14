//go:build e2e && linux

package asterisk_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipconf/sipconf/asterisk/rig"
	"github.com/sipconf/sipconf/bench/phone"
	"github.com/sipconf/sipconf/prompts/sound"
)

// The far conference of the article: another Asterisk, at the other end of a provider's trunk. Its number is answered by a voice that asks
// for the six digits of a room. Who gives the right ones is in the room, whoever else is asked again.
const (
	farNumber = "84957776675"
	farDigits = "354233"
	forgetful = "84957776699" // asks, forgets what it was told, and asks the same again

	// questionHz is a tone under the question, by which it is found wherever it should not be heard. Under that of the forgetful one it is soft: what has a
	// loud tone under it has no envelope, by which it could be known again.
	questionHz, questionLevel, softLevel = 2330.0, -20.0, -38.0
)

// farSide is the far conference.
type farSide struct {
	*rig.Asterisk
	t *testing.T
}

// farConference starts it at an address. Calls come from another one, with their keys as the trunk's dtmf_mode says. A phone 701, Fedor's, is
// in the far room by dialling "room".
func farConference(t *testing.T, addr, from, dtmfMode string, firstPort int) *farSide {
	t.Helper()
	return &farSide{t: t, Asterisk: rig.Start(t, rig.Options{
		Addr: addr, Ports: ports(firstPort), Phones: []rig.Phone{{Name: "Fedor", Number: "701"}},
		Sounds: map[string][]int16{"question": question(t, questionLevel), "soft": question(t, softLevel)},
		Append: trunk("office", from, "phones", "dtmf_mode="+dtmfMode),
		Dialplan: []string{
			"exten => " + farNumber + ",1,Answer()",
			" same => n(ask),Read(digits,${ASTETCDIR}/../sounds/question,6,,1,3)",
			" same => n,NoOp(the caller has pressed ${digits})",
			" same => n,GotoIf($[\"${digits}\" = \"" + farDigits + "\"]?room:ask)",
			" same => n(room),ConfBridge(" + farDigits + ")",
			"exten => " + forgetful + ",1,Answer()",
			" same => n,Read(digits,${ASTETCDIR}/../sounds/soft,6,,1,10)",
			" same => n,NoOp(the caller has pressed ${digits})",
			" same => n,Wait(1)",
			" same => n,Read(digits,${ASTETCDIR}/../sounds/soft,6,,1,10)",
			" same => n,NoOp(the caller has pressed ${digits})",
			" same => n,ConfBridge(" + farDigits + ")",
			"exten => room,1,Answer()",
			" same => n,ConfBridge(" + farDigits + ")",
		},
	})}
}

// trunk are the lines of pjsip.conf for another exchange, known by its address.
func trunk(name, addr, context string, options ...string) []string {
	return slices.Concat([]string{
		"[" + name + "]", "type=endpoint", "context=" + context, "transport=transport-udp", "disallow=all", "allow=alaw", "aors=" + name,
		"direct_media=no",
	}, options, []string{
		"[" + name + "]", "type=aor", "contact=sip:" + addr + ":5060",
		"[" + name + "]", "type=identify", "endpoint=" + name, "match=" + addr,
	})
}

// question is what the far conference asks: a prompt that espeak-ng has spoken, with the tone under it.
func question(t *testing.T, level float64) []int16 {
	t.Helper()
	file, err := os.ReadFile(filepath.Join("..", "prompts", "en", "dial-now.wav"))
	if err != nil {
		t.Fatal(err)
	}
	spoken, err := sound.Parse(file)
	if err != nil || spoken.Rate != phone.Rate {
		t.Fatalf("the question: %v, at %d Hz", err, spoken.Rate)
	}
	pcm := slices.Clone(spoken.Samples)
	mark := make([]int16, len(pcm))
	phone.Tone(questionHz, level).Fill(mark)
	for i := range pcm {
		pcm[i] += mark[i]
	}
	return pcm
}

// exchange is how docs/links.md has a kind of PBX call the provider: its trunk's name, and the block of lines for the dialplan, which the
// one for pjsip.conf follows.
type exchange struct {
	trunk string
	block int
}

var (
	mikopbx = exchange{"SIP-1601534775", 1}
	freepbx = exchange{"Provider", 3}
)

// calls are the lines for pjsip.conf and the dialplan with which such a PBX calls the far side: its trunk, and what the page says. The page's
// room is in the phones' context.
func (x exchange) calls(t *testing.T, far string) (pjsip, dialplan []string) {
	pjsip = append(trunk(x.trunk, far, "phones"), quoted(t, "links.md", "ini", x.block+1))
	return pjsip, []string{quoted(t, "links.md", "ini", 0), quoted(t, "links.md", "ini", x.block)}
}

// pressed are the answers that the far conference's question has got so far.
func (f *farSide) pressed() (answers []string) {
	for _, found := range regexp.MustCompile(`NoOp\(".*the caller has pressed (\S*)"`).FindAllStringSubmatch(f.Log(), -1) {
		answers = append(answers, found[1])
	}
	return answers
}

// inside is how many calls of the office there are at the far side now.
func (f *farSide) inside() int {
	f.t.Helper()
	return strings.Count(f.CLI("core show channels concise"), "PJSIP/office-")
}

// asked is how often the far side was called.
func (f *farSide) asked() int { return strings.Count(f.Log(), "["+farNumber+"@phones:1] Answer(") }

// awaits waits for something at the far side, and says how long it took.
func (f *farSide) awaits(what string, patience time.Duration, cond func() bool) time.Duration {
	f.t.Helper()
	begin := time.Now()
	for !cond() {
		if time.Since(begin) > patience {
			f.t.Fatalf("the far side: not in %s: %s", patience, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return time.Since(begin)
}

// talk checks that each hears each other one, and himself not. It asks for less than converse does: a ConfBridge is in between, which takes a frame out, or puts one in, when
// its clock and a caller's are not one, so that a tone seems softer at that moment.
func talk(t *testing.T, all ...*caller) {
	t.Helper()
	for _, ear := range all {
		for _, mouth := range all {
			if mouth == ear {
				continue
			}
			if err := ear.AwaitTone(within(t), mouth.hz, spoken, 2*tolerance); err != nil {
				t.Errorf("%s hears %s: %v", ear.name, mouth.name, err)
			}
		}
		if err := ear.AwaitBelow(within(t), ear.hz, spoken-own); err != nil {
			t.Errorf("%s hears himself: %v", ear.name, err)
		}
	}
}

// TestE2EFarConference tries the far conference without sipconf, as a phone that plays sipconf: it calls the number through the office's PBX, as
// docs/links.md has it for the two kinds, hears the question, gives wrong digits, is asked again, gives the right ones, and talks to whom is there.
func TestE2EFarConference(t *testing.T) {
	for i, kind := range []exchange{mikopbx, freepbx} {
		t.Run(kind.trunk, func(t *testing.T) {
			t.Parallel()
			at := func(host int) string { return fmt.Sprintf("127.0.51.%d", host+i) }
			pbxAddr, farAddr, addr, local := at(21), at(31), at(41), at(51)
			far := farConference(t, farAddr, pbxAddr, "rfc4733", 58200+100*i)
			pjsip, dialplan := kind.calls(t, farAddr)
			pbx := rig.Start(t, rig.Options{Addr: pbxAddr, Ports: ports(58000 + 100*i), Sipconf: addr + ":5060", Append: pjsip, Dialplan: dialplan})
			if got := pbx.CLI("pjsip show endpoint " + kind.trunk); !strings.Contains(got, "rtp_timeout                        : 15") {
				t.Errorf("the trunk does not look whether the provider lives:\n%s", got)
			}
			fedor := calls(t, "Fedor", "701", local, far.URI("room"), 1130)
			line := calls(t, "sipconf", "354233", addr, pbx.URI(farNumber), 370)
			if err := line.AwaitTone(within(t), questionHz, questionLevel, 3); err != nil {
				t.Errorf("nobody asks: %v", err)
			}
			silent(t, "the office, before it has said where it wants to go", line.hz, fedor)
			press(t, line, "354234", false)
			far.awaits("the wrong digits", patience, func() bool { return slices.Equal(far.pressed(), []string{"354234"}) })
			if err := line.AwaitTone(within(t), questionHz, questionLevel, 3); err != nil {
				t.Errorf("nobody asks again: %v", err)
			}
			press(t, line, farDigits, false)
			far.awaits("the digits", patience, func() bool { return slices.Equal(far.pressed(), []string{"354234", farDigits}) })
			talk(t, line, fedor)
			if n := far.inside(); n != 1 {
				t.Errorf("%d calls of the office at the far side, want 1", n)
			}
			if err := line.Hangup(within(t)); err != nil {
				t.Error(err)
			}
			far.awaits("the line is gone", patience, func() bool { return far.inside() == 0 })

			// It is killed, and comes back.
			far.Kill()
			begin := time.Now()
			if err := far.Restart(); err != nil {
				t.Fatal(err)
			}
			t.Logf("the far side was up again after %s", time.Since(begin).Round(10*time.Millisecond))
			again := calls(t, "sipconf", "354233", addr, pbx.URI(farNumber), 370)
			if err := again.AwaitTone(within(t), questionHz, questionLevel, 3); err != nil {
				t.Errorf("after the restart: %v", err)
			}
		})
	}
}
