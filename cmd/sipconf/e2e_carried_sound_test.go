package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/sipconf/sipconf/bench/phone"
	"github.com/sipconf/sipconf/prompts/sound"
)

// What is pressed, heard and recorded while a server is upgraded: stories of e2e_carried_test.go.

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
