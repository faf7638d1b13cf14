package main

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipconf/sipconf/bench/phone"
	"github.com/sipconf/sipconf/prompts/sound"
)

// TestE2ERecording: the host presses **4, then all hang up; in the folder is one file, with both who have talked.
func TestE2ERecording(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	o := newOffice(t, func(c *Config) {
		c.Recordings.Folder = folder
		c.Menus.Hosts = []string{"_20X"}
	})
	anna := o.joins(phone.Config{Name: "Anna", Number: "201"}, "5234", 400)
	boris := o.joins(phone.Config{Name: "Boris", Number: "301"}, "5234", 600)
	o.hears("Anna", anna, []float64{600})
	if err := boris.SendDTMF(o.soon(), "**4"); err != nil { // who is no host
		t.Fatal(err)
	}
	if err := anna.SendDTMF(o.soon(), "**4"); err != nil {
		t.Fatal(err)
	}
	o.eventually("it is recorded", func() bool { return o.figure("sipconf_recordings") == 1 })
	o.eventually("the words are over, and more is on the tape", func() bool {
		rec := o.Rooms().Recording("5234")
		return rec != nil && rec.State().Samples > 4*8000
	})
	for _, call := range []*phone.Call{anna, boris} {
		if err := call.Hangup(o.soon()); err != nil {
			t.Error(err)
		}
	}
	o.eventually("the recording has ended", func() bool { return o.figure("sipconf_recordings") == 0 })
	if lost := o.figure("sipconf_recording_samples_lost_total"); lost != 0 {
		t.Errorf("%v samples are lost", lost)
	}
	files, err := filepath.Glob(folder + "/5234-20*.wav")
	if err != nil || len(files) != 1 {
		t.Fatalf("%q, %v", files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	tape, err := sound.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	second := tape.Samples[3*8000 : 4*8000]
	for _, hz := range []float64{400, 600} {
		if got := levelOf(second, hz); math.Abs(got-loud) > closeTo {
			t.Errorf("%v Hz at %.1f dBFS on the tape, want %.1f", hz, got, loud)
		}
	}
	if got := levelOf(second, 500); got > unheard {
		t.Errorf("500 Hz at %.1f dBFS on the tape, where nobody says it", got)
	}
	if !strings.Contains(o.log.String(), files[0]) {
		t.Error("the log does not name the file")
	}
}

// levelOf is that of a tone in a second of sound, in dBFS; a sine at full scale has 0.
func levelOf(second []int16, hz float64) float64 {
	var re, im float64
	for i, v := range second {
		sin, cos := math.Sincos(2 * math.Pi * hz * float64(i) / float64(len(second)))
		re, im = re+float64(v)*cos, im+float64(v)*sin
	}
	return 20 * math.Log10(2*math.Hypot(re, im)/float64(len(second))/32768+1e-12)
}
