package rooms

import (
	"fmt"
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

// grand is the same with so many that two do the tick.
func grand(t *testing.T, pitch float64, w *work) *scene {
	s := crowded(t, pitch, w)
	for i := range largeFrom {
		if ph := s.joins(fmt.Sprint(i), codec.PCMA); i%20 == 0 {
			ph.speaks(pitch+float64(i), 9000)
		}
	}
	crew := media.NewCrew(1)
	t.Cleanup(crew.Close)
	s.room.becomesLarge(crew)
	return s
}

// What a room does in its tick leaves nothing that the next one on that loop would hear: rooms that share the work, tick by tick, sound to the last
// bit as those that do not, and are recorded as they are. In the first two are aside for a while. In the second all fall silent, all but one leave, and then somebody comes again. The third is
// large, for 60 ticks.
func TestNothingIsLeftAtWork(t *testing.T) {
	one := newWork()
	shared := []*scene{crowded(t, 300, one), crowded(t, 410, one), grand(t, 250, one)}
	apart := []*scene{crowded(t, 300, newWork()), crowded(t, 410, newWork()), grand(t, 250, newWork())}
	var tapes [2]*reel
	var recs [2]*Recording
	for i, s := range []*scene{shared[0], apart[0]} {
		tapes[i] = new(reel)
		recs[i] = s.records(tapes[i])
	}
	for tick := range 300 {
		for room := range shared {
			if room == 2 && tick >= 60 {
				continue
			}
			for _, s := range []*scene{shared[room], apart[room]} {
				switch {
				case room == 0 && tick == 50:
					ann, bob := s.phones[0].p, s.phones[1].p
					ann.flags.aside, ann.mate, bob.flags.aside, bob.mate = true, bob, true, ann
				case room == 0 && tick == 150:
					ann, bob := s.phones[0].p, s.phones[1].p
					ann.flags.aside, ann.mate, bob.flags.aside, bob.mate = false, nil, false, nil
				case room != 1:
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
		for _, rec := range recs {
			rec.drain()
		}
	}
	shared[0].stops(recs[0])
	apart[0].stops(recs[1])
	if got := tapes[0].heard(); len(got) != 300*160 || !slices.Equal(got, tapes[1].heard()) || slices.Max(got) < 1000 {
		t.Errorf("%d samples were recorded, or others than with a work of the room's own", len(got))
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
