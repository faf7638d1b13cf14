package attendant

import (
	"math"
	"slices"
	"time"

	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/dialout/links"
	"github.com/sipconf/sipconf/prompts"
	"github.com/sipconf/sipconf/rooms"
)

// How a conference is told of its external lines.
const (
	rest   = 10 * time.Second // at least, from the beginning of one announcement to that of the next
	softer = -12.0            // dB, against whatever else it is told: it goes on talking
)

// bulletin decides what a conference is told of its external lines, and when: at once, but not before it has had its rest from the last
// announcement, and then only how things are. It is not told what it was told last. All its lines are one: the words are the same.
//
// Plain data; the zero value has been told nothing. It knows no clock: each piece of news comes with its time.
type bulletin struct {
	Now, Heard links.News // the newest; what was told last
	Told       bool       // anything was: Heard is valid
	Due        time.Time  // when it is told; zero: there is nothing to tell
	Free       time.Time  // it is not told anything before
}

func (b *bulletin) hear(now time.Time, news links.News) {
	b.Now = news
	switch {
	case b.Told && news == b.Heard:
		b.Due = time.Time{} // what was to be told meanwhile is over
	case b.Due.IsZero():
		b.Due = later(now, b.Free)
	}
}

// tell is what is to be told now, if that is due. It counts as told then.
func (b *bulletin) tell(now time.Time) (news links.News, ok bool) {
	if b.Due.IsZero() || now.Before(b.Due) {
		return 0, false
	}
	b.Heard, b.Told, b.Due, b.Free = b.Now, true, time.Time{}, now.Add(rest)
	return b.Heard, true
}

// TellLine tells those who are in that conference, softly, that an external line is connected, or is lost and dialled again; not the far side
// of a link. Who wants to hear nothing of it puts silence in the place of the prompts. It does not block.
func (o *Office) TellLine(room dialout.Room, news links.News) { o.crier.hearLine(room, news) }

// announceLine tells a conference how its external lines are, in its language. False when it is over.
func (o *Office) announceLine(room dialout.Room, news links.News) bool {
	shot, ok := o.cfg.Rooms.Look(room.Number)
	if !ok || shot.Incarnation != room.Incarnation {
		return false
	}
	var far []string
	for _, p := range shot.Participants {
		if p.Link {
			far = append(far, p.ID)
		}
	}
	name := prompts.LineConnected
	if news == links.Lost {
		name = prompts.LineLost
	}
	o.cfg.Log.Debug("tells of the external line", "room", room.Number, "said", name)
	said := softly(o.cfg.Prompts.Say(o.cfg.Language(room.Number, ""), name))
	o.cfg.Rooms.Announce(room.Number, rooms.Links, rooms.NewSound(said), far...)
	return true
}

// softly is what is said, so much softer. The recordings stay what they are: they are everybody's.
func softly(said [][]int16) []int16 {
	gain := math.Pow(10, softer/20)
	soft := slices.Concat(said...)
	for i, sample := range soft {
		soft[i] = int16(math.Round(gain * float64(sample)))
	}
	return soft
}
