package rooms

import (
	"math"
	"slices"
	"testing"

	"github.com/sipconf/sipconf/codec"
)

// playsMusic lets him play a chord of 400, 500 and 600 Hz that swells and never stops.
func (ph *phone) playsMusic() {
	ph.says = func(i int) int16 {
		s, at := 0.0, float64(i)/8000
		for _, hz := range []float64{400, 500, 600} {
			s += math.Sin(2 * math.Pi * hz * at)
		}
		return int16(2000 * s * (1 + 0.5*math.Sin(2*math.Pi*0.7*at)))
	}
}

// talks lets him say syllables of that pitch: 200 ms each, 120 ms apart.
func (ph *phone) talks(pitch float64) {
	ph.says = func(i int) int16 {
		if i%2560 > 1600 {
			return 0
		}
		return int16(6000 * math.Sin(2*math.Pi*pitch*float64(i)/8000))
	}
}

// Anna's PBX plays music to the conference that she has put on hold, and does not say so. Boris hears it for some seconds, and Anna again
// when she is back; what she said before the music was heard all the time.
func TestMusicOnHoldIsKeptOut(t *testing.T) {
	room := newQuietScene(t)
	room.legs.MuteMusic = true
	anna, boris := room.joins("anna", codec.PCMA), room.joins("boris", codec.PCMU)
	boris.listens()
	anna.talks(300)
	room.ticks(30 * 50)
	if events := room.happened(); slices.Contains(events, MusicBegan.String()+" call-anna") {
		t.Fatalf("speech is taken for music: %q", events)
	}
	anna.playsMusic()
	room.ticks(8 * 50)
	if events := room.happened(); !slices.Contains(events, MusicBegan.String()+" call-anna") {
		t.Errorf("8 s of music: %q", events)
	}
	room.forget()
	room.ticks(50)
	boris.hearsSilence()

	anna.talks(300)
	room.ticks(2 * 50)
	if events := room.happened(); !slices.Contains(events, MusicEnded.String()+" call-anna") {
		t.Errorf("2 s after the music: %q", events)
	}
	room.forget()
	room.ticks(50)
	if boris.dB(300) < -30 {
		t.Errorf("Boris hears Anna at %.1f dBFS after the music", boris.dB(300))
	}
}

// By default music is heard.
func TestMusicIsHeardByDefault(t *testing.T) {
	room := newQuietScene(t)
	anna, boris := room.joins("anna", codec.PCMA), room.joins("boris", codec.PCMU)
	boris.listens()
	anna.playsMusic()
	room.ticks(10 * 50)
	room.forget()
	room.ticks(50)
	if boris.dB(400) < -30 {
		t.Errorf("Boris hears the music at %.1f dBFS", boris.dB(400))
	}
}
