package media

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipconf/sipconf/media/mediatest/quality"
)

// overheard is what Tones makes of sound in which there is no key.
type overheard struct {
	keys    string
	seconds float64
	muted   float64 // s
	longest float64 // ms, in one piece
	times   int     // that something was muted
	torn    int     // frames that begin heard after one that ended muted, and are muted again
}

// overhear listens four times, because a doubt depends on where a sound lies in its frame.
func (o *overheard) overhear(pcm []int16) {
	for _, alignment := range []int{0, 40, 80, 120} {
		var tones Tones
		piece := 0
		for at := alignment; at+toneFrame <= len(pcm); at += toneFrame {
			before := tones.Muted
			key, from := tones.frame(pcm[at:at+toneFrame], true)
			if key != 0 {
				o.keys += string(key)
			}
			if before && from > 0 && from < toneFrame {
				o.torn++
			}
			if piece += toneFrame - from; tones.Muted && !before {
				o.times++
				piece = toneFrame - from
			}
			if tones.Muted {
				o.longest = max(o.longest, float64(piece)/milli)
			}
			o.seconds += 0.02
			o.muted += float64(toneFrame-from) / toneRate
		}
	}
}

// row is the line of the table.
func (o *overheard) row(name string) string {
	minutes := o.seconds / 60
	return fmt.Sprintf("| %s | %.0f min | %d | %.1f | %.0f ms | %.3f %% |\n", name, minutes, len(o.keys), float64(o.times)/minutes, o.longest, 100*o.muted/o.seconds)
}

// Nobody speaks keys, and next to nothing of what is said is muted because it might be one.  The table is that of docs/quality.md; QUALITY=1
// writes it there.
func TestE2ESpeechIsNoKey(t *testing.T) {
	var table strings.Builder
	judge := func(name string, pcm ...[]int16) {
		var o overheard
		for _, sound := range pcm {
			o.overhear(sound)
		}
		table.WriteString(o.row(name))
		if o.keys != "" {
			t.Errorf("%s: taken for %q", name, o.keys)
		}
		if o.muted > 0.005*o.seconds || o.longest > 140 || o.torn > 0 {
			t.Errorf("%s: %.3f %% are muted, up to %.0f ms at a time, want 0.5 %% and 140 ms at most; %d frames are torn", name, 100*o.muted/o.seconds, o.longest, o.torn)
		}
	}
	var all [][]int16
	for _, l := range long {
		for _, voice := range strings.Fields(l.voices) {
			pcm := quality.Speech(t, voice, strings.Repeat(l.text, 6))
			all = append(all, pcm)
			judge(voice, pcm)
		}
	}
	var short [][]int16
	for _, s := range said {
		short = append(short, quality.Speech(t, s.voice, s.text))
	}
	judge("three more", short...)
	three := make([]int16, min(len(all[0]), len(all[3]), len(all[5])))
	for i := range three {
		three[i] = all[0][i]/2 + all[3][i]/2 + all[5][i]/2
	}
	judge("three at once", three)
	t.Logf("\n%s", table.String())
	if os.Getenv("QUALITY") != "" {
		quality.WriteTable(t, "../docs/quality.md", "keys", table.String())
	}
}

// TestVoicesOfOthers judges recordings: the WAV files of 8 kHz, 16 bit in the folders below that which VOICES names, such as those of Debian's
// asterisk-core-sounds-en-wav and asterisk-moh-opsound-wav, a row for each folder.  The rows are those of docs/quality.md.
func TestVoicesOfOthers(t *testing.T) {
	folders, _ := filepath.Glob(filepath.Join(os.Getenv("VOICES"), "*"))
	if os.Getenv("VOICES") == "" || len(folders) == 0 {
		t.Skip("VOICES names no folder with recordings")
	}
	for _, folder := range folders {
		var o overheard
		err := filepath.WalkDir(folder, func(name string, _ os.DirEntry, err error) error {
			if err != nil || filepath.Ext(name) != ".wav" {
				return err
			}
			b, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			pcm := make([]int16, (len(b)-44)/2)
			for i := range pcm {
				pcm[i] = int16(binary.LittleEndian.Uint16(b[44+2*i:]))
			}
			o.overhear(pcm)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if o.seconds > 0 {
			fmt.Print(o.row(filepath.Base(folder)))
		}
		if o.keys != "" {
			t.Errorf("%s: taken for %q", folder, o.keys)
		}
	}
}
