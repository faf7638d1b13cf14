//go:build e2e && linux

package asterisk_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/sipconf/sipconf/bench/phone"
)

const (
	// spoken is the level of every caller's tone in dBFS. Five such tones together do not clip.
	spoken = -15.0

	// tolerance is how far from that another caller may hear it: G.711 twice, concealment and a
	// window that does not hold a whole number of periods together stay below.
	tolerance = 1.5

	// own is how much lower a caller must hear himself, in dB. Mix-minus is exact; what is left
	// is the noise of G.711.
	own = 40.0

	// patience is how long anything may take. Nothing waits so long on a healthy machine.
	patience = 8 * time.Second
)

// caller is somebody in a room: a phone with one call, who speaks a tone of his own all the time.
// Good tones are far from the room's own (523, 659 and 784 Hz, when somebody joins or leaves), from
// rig.Music, and from each other's harmonics.
type caller struct {
	*phone.Call
	t    *testing.T
	name string
	hz   float64
}

// calls makes a phone dial uri and speak, and hangs it up when the test ends. Phones take their
// addresses from local, port 0.
func calls(t *testing.T, name, number, local, uri string, hz float64, codecs ...phone.Codec) *caller {
	t.Helper()
	p, err := phone.New(phone.Config{
		Local: netip.AddrPortFrom(netip.MustParseAddr(local), 0), Name: name, Number: number, Codecs: codecs,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	call, err := p.Call(within(t), uri)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	call.Speak(phone.Tone(hz, spoken))
	return &caller{Call: call, t: t, name: name, hz: hz}
}

// within is a context that ends with the test's patience.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// converse checks that each hears each other one as loud as he speaks, and himself not.
func converse(t *testing.T, room ...*caller) {
	t.Helper()
	for _, ear := range room {
		for _, mouth := range room {
			if mouth == ear {
				continue
			}
			if err := ear.AwaitTone(within(t), mouth.hz, spoken, tolerance); err != nil {
				t.Errorf("%s hears %s: %v", ear.name, mouth.name, err)
			}
		}
		if err := ear.AwaitBelow(within(t), ear.hz, spoken-own); err != nil {
			t.Errorf("%s hears himself: %v", ear.name, err)
		}
	}
	// All of it at one moment, now that everybody is in.
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		heard, wrong := moment(room)
		if len(wrong) == 0 || time.Now().After(deadline) {
			for _, line := range heard {
				t.Log(line)
			}
			for _, line := range wrong {
				t.Error(line)
			}
			return
		}
	}
}

// moment is what each hears just now, and what of it is wrong.
func moment(room []*caller) (heard, wrong []string) {
	for _, ear := range room {
		line := ear.name + " hears, in dBFS:"
		for _, mouth := range room {
			level := ear.Hear(mouth.hz)
			line += fmt.Sprintf(" %s %.1f", mouth.name, level)
			if mouth == ear && level > spoken-own || mouth != ear && (level < spoken-tolerance || level > spoken+tolerance) {
				wrong = append(wrong, fmt.Sprintf("%s hears %s at %.1f dBFS", ear.name, mouth.name, level))
			}
		}
		heard = append(heard, line)
	}
	return heard, wrong
}

// silent waits until none of ears hears hz any more, and makes sure that it stays so for a
// second, which is long enough for music or a forgotten buffer to begin.
func silent(t *testing.T, what string, hz float64, ears ...*caller) {
	t.Helper()
	for _, ear := range ears {
		if err := ear.AwaitBelow(within(t), hz, spoken-own); err != nil {
			t.Errorf("%s hears %s: %v", ear.name, what, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	loud := func(*phone.Call) bool {
		return slices.ContainsFunc(ears, func(ear *caller) bool { return ear.Hear(hz) > spoken-own })
	}
	if err := ears[0].Await(ctx, loud); err == nil {
		for _, ear := range ears {
			t.Errorf("%s hears %s again at %.1f dBFS", ear.name, what, ear.Hear(hz))
		}
	}
}

// deaf checks that ear hears nothing of hz for a second: silence, or no packets at all. (Hear alone
// would go on measuring the last ones that came.)
func deaf(t *testing.T, what string, hz float64, ear *caller) {
	t.Helper()
	time.Sleep(settling)
	ear.Record()
	time.Sleep(time.Second)
	heard := ear.Recording()
	if level := phone.ToneLevel(heard, hz); len(heard) > 0 && level > spoken-own {
		t.Errorf("%s hears %s at %.1f dBFS", ear.name, what, level)
	}
}

// settling is longer than what a jitter buffer may still hold when a caller is taken out of the mix.
const settling = 300 * time.Millisecond
