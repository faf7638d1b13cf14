package media

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipconf/sipconf/media/mediatest/quality"
)

// watched is what becomes of sound that a leg watches for music.
type watched struct {
	seconds, muted float64
	begins         int
	first          float64 // when the first music began; 0: never
}

// watch plays sound through the playout to the watcher, as a leg does.
func watch(pcm []int16) (w watched) {
	l := &Leg{}
	l.cfg.MuteMusic = true
	l.jitter.setUp(160, 0)
	l.frame = make([]int16, 160)
	for at := 0; at+160 <= len(pcm); at += 160 {
		l.jitter.put(int64(at), pcm[at:at+160], 80)
		was := l.PlaysMusic()
		l.heard, l.level = l.jitter.pop(l.frame), levelUnknown
		l.watchMusic()
		w.seconds += 0.02
		if !l.PlaysMusic() {
			continue
		}
		w.muted += 0.02
		if !was {
			w.begins++
		}
		if w.first == 0 {
			w.first = w.seconds
		}
	}
	return w
}

// long are the texts for minutes of speech.
var long = []struct{ name, text, voices string }{
	{"English", "The north wind and the sun were disputing which was the stronger, when a traveler came along wrapped in a warm cloak. They agreed that the one who first succeeded in making the traveler take his cloak off should be considered stronger than the other. ", "en-us en-us+f3 en-gb+m3"},
	{"German", "Einst stritten sich Nordwind und Sonne, wer von ihnen beiden wohl der Stärkere wäre, als ein Wanderer, der in einen warmen Mantel gehüllt war, des Weges daherkam. ", "de de+f2"},
	{"Russian", "Однажды северный ветер и солнце заспорили кто из них сильнее. Как раз в это время они заметили закутанного в плащ путника, продвигающегося по дороге. ", "ru ru+f2"},
}

// Nobody who speaks is taken for music, alone, breathlessly, with noise around him, or three at once on one phone.
func TestE2ESpeechIsNoMusic(t *testing.T) {
	var all watched
	judge := func(name string, pcm []int16) {
		w := watch(pcm)
		all.seconds, all.muted, all.begins = all.seconds+w.seconds, all.muted+w.muted, all.begins+w.begins
		if w.begins > 0 {
			t.Errorf("%s: taken for music %d times in %.0f s, after %.1f s at first", name, w.begins, w.seconds, w.first)
		}
	}
	var voices [][]int16
	for _, l := range long {
		for _, voice := range strings.Fields(l.voices) {
			pcm := quality.Speech(t, voice, strings.Repeat(l.text, 6))
			voices = append(voices, pcm)
			judge(voice, pcm)
			judge(voice+", breathless", quality.Speech(t, voice, strings.NewReplacer(",", "", ".", "").Replace(strings.Repeat(l.text, 3))))
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	noisy := append([]int16(nil), voices[0]...)
	for i := range noisy {
		noisy[i] += int16(100 * random.NormFloat64())
	}
	judge("noise at -50 dBFS", noisy)
	t.Logf("%.0f s of speech: %.1f s muted in %d pieces", all.seconds, all.muted, all.begins)

	three := make([]int16, min(len(voices[0]), len(voices[3]), len(voices[5])))
	for i := range three {
		three[i] = voices[0][i]/2 + voices[3][i]/2 + voices[5][i]/2
	}
	w := watch(three)
	t.Logf("three at once, all the time: %.0f s, %.1f s muted in %d pieces", w.seconds, w.muted, w.begins)
}

// Noise is not music: nobody has put anything on hold.
func TestNoiseIsNoMusic(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]int16, 60*8000)
	for i := range noise {
		noise[i] = int16(1000 * random.NormFloat64())
	}
	if w := watch(noise); w.begins > 0 {
		t.Errorf("noise is taken for music after %.1f s", w.first)
	}
}

// TestMusicOfOthers judges real music on hold: WAV files of 8 kHz, 16 bit, in the folder that MUSIC names, such as those of Debian's
// asterisk-moh-opsound-wav. The rows are those of docs/quality.md.
func TestMusicOfOthers(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(os.Getenv("MUSIC"), "*.wav"))
	if os.Getenv("MUSIC") == "" || len(files) == 0 {
		t.Skip("MUSIC names no folder with music")
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		pcm := make([]int16, (len(b)-44)/2)
		for i := range pcm {
			pcm[i] = int16(binary.LittleEndian.Uint16(b[44+2*i:]))
		}
		w := watch(pcm)
		fmt.Printf("| %s | %.0f s | %.1f s | %.0f %% | %d |\n", filepath.Base(name), w.seconds, w.first, 100*w.muted/w.seconds, w.begins)
	}
}

func TestWatchingForMusicAllocatesNothing(t *testing.T) {
	l := &Leg{}
	l.cfg.MuteMusic = true
	l.jitter.setUp(160, 0)
	l.frame = make([]int16, 160)
	at := int64(0)
	pcm := make([]int16, 160)
	if n := testing.AllocsPerRun(1000, func() {
		tone(pcm, at)
		l.jitter.put(at, pcm, 80)
		at += 160
		l.heard, l.level = l.jitter.pop(l.frame), levelUnknown
		l.watchMusic()
	}); n != 0 {
		t.Errorf("%v allocations per tick", n)
	}
	if !l.PlaysMusic() {
		t.Error("20 s of a tone are not taken for music")
	}
}
