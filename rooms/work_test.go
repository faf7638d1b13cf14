package rooms

import (
	"slices"
	"testing"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media"
)

// crowded is a few who talk, listen and shout, in a room.
func crowded(t *testing.T, pitch float64, w *work) *scene {
	s := newScene(t)
	s.room.work = w
	for i, c := range []*codec.Codec{codec.PCMA, codec.PCMU, codec.PCMA, codec.PCMU} {
		ph := s.joins(string(rune('a'+i)), c)
		if i < 3 {
			ph.speaks(pitch*float64(i+1), 30000) // together more than fits, so that the limiter works
		}
	}
	s.comes("waits", codec.PCMA)
	return s
}

// What a room does in its tick leaves nothing that the next one on that loop would hear: two rooms that share the work, tick by tick, sound to the last
// bit as two that do not. In one of them all fall silent, all but one leave, and then somebody comes again.
func TestNothingIsLeftAtWork(t *testing.T) {
	one := newWork()
	shared := []*scene{crowded(t, 300, one), crowded(t, 410, one)}
	apart := []*scene{crowded(t, 300, newWork()), crowded(t, 410, newWork())}
	for tick := range 300 {
		for room := range shared {
			for _, s := range []*scene{shared[room], apart[room]} {
				switch {
				case room == 0:
				case tick == 100: // only the tones are heard there, and then nothing
					for _, ph := range s.phones {
						ph.listens()
					}
				case tick == 150:
					for _, ph := range s.phones[1:] {
						ph.leaves("hung up")
					}
				case tick == 200:
					s.joins("again", codec.PCMA).speaks(500, 9000)
				}
				s.ticks(1)
			}
			for i, ph := range shared[room].phones {
				if other := apart[room].phones[i]; !slices.Equal(ph.heard, other.heard) || ph.packets != other.packets {
					t.Fatalf("room %d, tick %d: %s hears something else than with a work of the room's own", room, tick, ph.name)
				}
				ph.forgets()
				apart[room].phones[i].forgets()
			}
		}
	}
}

// Rooms of one loop share the work, those of different loops do not.
func TestEachLoopHasItsWork(t *testing.T) {
	d := &Directory{}
	var first, second media.Loop
	w := d.workOn(&first)
	if d.workOn(&first) != w || d.workOn(&second) == w {
		t.Error("want one for each loop")
	}
}

// Whatever there is of a room can be fetched, in each step, also when the one before was left out.
func TestRoomIsFetched(t *testing.T) {
	s := newScene(t)
	for range 5 {
		for before := range media.FetchAhead + 1 {
			s.room.Fetch(before)
		}
		s.joins("a", codec.PCMA)
	}
}
