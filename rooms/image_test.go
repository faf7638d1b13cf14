package rooms

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media/handover/imagetest"
)

// carried are the fields of a directory and of what lives in it that are written down, and where.
var carried = map[string]string{
	"Directory.rooms":         "Image.Rooms",
	"Directory.seats":         "RoomImage.Members",
	"Directory.born":          "Image.Born",
	"Directory.recordings":    "Image.Recordings",
	"Directory.recordingLost": "Image.Lost",

	"Room.number":      "RoomImage.Number",
	"Room.created":     "RoomImage.Created",
	"Room.loop":        "RoomImage.Loop",
	"Room.seats":       "ParticipantImage.Seat",
	"Room.people":      "SeatImage.Inside",
	"Room.links":       "SeatImage.Link",
	"Room.locked":      "RoomImage.Locked",
	"Room.recorded":    "Image.Recordings",
	"Room.expected":    "RoomImage.Members",
	"Room.incarnation": "RoomImage.Incarnation",
	"Room.members":     "RoomImage.Members",
	"Room.chime":       "RoomImage.Chime",
	"Room.words":       "RoomImage.Words",
	"Room.silent":      "RoomImage.Silent",
	"Room.taped":       "RoomImage.Taped",
	"Room.loudest":     "RoomImage.Loudest",
	"Room.limiter":     "RoomImage.Limiter",
	"Room.recording":   "Image.Recordings",

	"Limiter.Cut":  "RoomImage.Limiter",
	"Limiter.Hold": "RoomImage.Limiter",

	"chime.joined":     "ChimeImage.Joined",
	"chime.left":       "ChimeImage.Left",
	"chime.now":        "ChimeImage.Now",
	"chime.round":      "ChimeImage.Round",
	"chime.announcing": "ChimeImage.Announcing",
	"chime.rest":       "ChimeImage.Rest",

	"words.now":     "WordsImage.Now",
	"words.waiting": "WordsImage.Waiting",
	"words.waits":   "WordsImage.Waiting",
	"words.tapes":   "WordsImage.Tapes",
	"words.on":      "WordsImage.On",
	"words.frames":  "WordsImage.Frames",

	"announcement.about":  "AnnouncementImage.About",
	"announcement.on":     "AnnouncementImage.On",
	"announcement.sound":  "AnnouncementImage.Sound",
	"announcement.except": "AnnouncementImage.Except",

	"Sound.tone":  "SoundImage.Tone",
	"Sound.peak":  "SoundImage.Peak",
	"Sound.loop":  "SoundImage.Loop",
	"Notices.On":  "NoticesImage.On",
	"Notices.Off": "NoticesImage.Off",

	"playing.tone": "PlayingImage.Tone",
	"playing.next": "PlayingImage.Next",
	"playing.loop": "PlayingImage.Loop",
	"playing.keys": "PlayingImage.Keys",
	"playing.till": "PlayingImage.Till",

	"Participant.phase":    "ParticipantImage.Inside",
	"Participant.flags":    "ParticipantImage.Muted",
	"Participant.voice":    "ParticipantImage.Voice",
	"Participant.music":    "ParticipantImage.Music",
	"Participant.gains":    "ParticipantImage.Hear",
	"Participant.spared":   "ParticipantImage.Spared",
	"Participant.standing": "ParticipantImage.Standing",
	"Participant.spoken":   "ParticipantImage.Spoken",
	"Participant.sending":  "ParticipantImage.Sending",
	"Participant.awaits":   "ParticipantImage.Awaits",
	"Participant.ear":      "ParticipantImage.Ear",
	"Participant.own":      "ParticipantImage.Own",
	"Participant.round":    "ParticipantImage.Round",
	"Participant.notice":   "ParticipantImage.Notice",
	"Participant.mate":     "ParticipantImage.Mate",
	"Participant.keys":     "ParticipantImage.Digits",
	"Participant.name":     "ParticipantImage.Name",
	"Participant.number":   "ParticipantImage.Number",
	"Participant.id":       "ParticipantImage.Call",
	"Participant.since":    "ParticipantImage.Since",
	"Participant.seat":     "ParticipantImage.Seat",
	"Participant.link":     "SeatImage.Link",

	"flags.muted":    "ParticipantImage.Muted",
	"flags.silenced": "ParticipantImage.Silenced",
	"flags.host":     "ParticipantImage.Host",
	"flags.deaf":     "ParticipantImage.Deaf",
	"flags.aside":    "ParticipantImage.Aside",

	"gains.hear":    "ParticipantImage.Hear",
	"gains.speak":   "ParticipantImage.Speak",
	"keys.recent":   "ParticipantImage.Digits",
	"keys.count":    "ParticipantImage.Pressed",
	"notice.knows":  "NoticeImage.Knows",
	"notice.heard":  "NoticeImage.Heard",
	"notice.said":   "NoticeImage.Said",
	"notice.saying": "NoticeImage.Saying",

	"Seat.room":        "RoomImage.Members",
	"Seat.state":       "ParticipantImage.Leaving",
	"Seat.invited":     "SeatImage.Invited",
	"Seat.link":        "SeatImage.Link",
	"Seat.dismissed":   "SeatImage.Dismissed",
	"Seat.inside":      "SeatImage.Inside",
	"Seat.incarnation": "SeatImage.Incarnation",

	"Recording.room":   "TapeImage.Room",
	"Recording.before": "TapeImage.Samples",
	"Recording.taken":  "TapeImage.Samples",
	"Recording.ring":   "RecordingImage.Waiting",
	"Recording.ended":  "RecordingImage.Over",
	"Recording.lost":   "RecordingImage.Lost",
	"Recording.warned": "RecordingImage.Warned",
	"ring.samples":     "RecordingImage.Waiting",
	"ring.written":     "RecordingImage.Waiting",

	// What is an image already.
	"voice.Talking":   "ParticipantImage.Voice",
	"voice.Level":     "ParticipantImage.Voice",
	"voice.Run":       "ParticipantImage.Voice",
	"ear.To":          "ParticipantImage.Ear",
	"ear.Voice":       "ParticipantImage.Ear",
	"ear.Quiet":       "ParticipantImage.Ear",
	"ear.Top":         "ParticipantImage.Ear",
	"ear.Spoke":       "ParticipantImage.Ear",
	"ear.Last":        "ParticipantImage.Ear",
	"ear.Recent":      "ParticipantImage.Ear",
	"ear.Count":       "ParticipantImage.Ear",
	"ear.Questions":   "ParticipantImage.Ear",
	"ear.Asked":       "ParticipantImage.Ear",
	"ear.Learns":      "ParticipantImage.Ear",
	"ear.Age":         "ParticipantImage.Ear",
	"ear.Told":        "ParticipantImage.Ear",
	"ear.First":       "ParticipantImage.Ear",
	"ear.On":          "ParticipantImage.Ear",
	"ear.Waited":      "ParticipantImage.Ear",
	"ear.Begun":       "ParticipantImage.Ear",
	"ear.Since":       "ParticipantImage.Ear",
	"ear.Said":        "ParticipantImage.Ear",
	"question.Levels": "ParticipantImage.Ear",
	"question.Known":  "ParticipantImage.Ear",
	"question.Loud":   "ParticipantImage.Ear",
}

// anew are the fields that are not written down, and why.
var anew = map[string]string{
	"Directory.config":    "the configuration is that of the new process",
	"Directory.tones":     "those that are heard now are written down; the next ones are the new process's",
	"Directory.events":    "empty: the journal has told them all",
	"Directory.journal":   "a goroutine of the process",
	"Directory.mu":        "nobody holds it",
	"Directory.closed":    "a directory that is closed has no rooms",
	"Directory.recorders": "goroutines of the process",
	"Directory.tapes":     "as the hand-over has it",
	"Directory.moves":     "likewise",

	"Room.events":     "the directory's",
	"Room.tones":      "the directory's",
	"Room.ended":      "a room that has ended is not on the books",
	"Room.work":       "the loop's, of one tick but for the silent frame",
	"Directory.works": "likewise",
	"Room.home":       "its loop: nothing is on its way in a pause",
	"Room.mailbox":    "likewise",
	"Room.large":      "the loop's, and made for the members that there are; but whether the crew does the tick is RoomImage.Shared",

	"Participant.leg":    "media's, and found by the call",
	"Participant.rights": "of one tick",
	"Participant.speaks": "of one tick",
	"Participant.heard":  "of one tick",
	"Participant.hears":  "of one tick",
	"Participant.news":   "of one tick",
	"Participant.frame":  "of one tick",

	"Seat.directory": "whose it is",

	"Recording.directory": "whose it is",
	"Recording.tape":      "opened again, by its name",
	"Recording.done":      "a recording that is done is not on the books",
	"ring.read":           "from the first sample on that waits",
}

// Whoever gives a room, or what lives in it, one more field decides what becomes of it when another process takes over: it is in the image, or in the
// list of those that are made anew, with the reason.
func TestEveryFieldIsCarriedOrMadeAnew(t *testing.T) {
	live := slices.Collect(maps.Keys(livingTypes(reflect.TypeFor[Directory](), map[reflect.Type]bool{})))
	imagetest.Fields(t, imageTypes(reflect.TypeFor[Image](), map[reflect.Type]bool{}), live, carried, anew)
}

// ours says whether a type is one of those whose fields are looked at.
func ours(typ reflect.Type) bool {
	path := typ.PkgPath()
	return typ.Kind() == reflect.Struct && (strings.HasSuffix(path, "/rooms") || strings.HasSuffix(path, "/mixer"))
}

// livingTypes are the types that a directory leads to, but for what is made anew.
func livingTypes(typ reflect.Type, found map[reflect.Type]bool) map[reflect.Type]bool {
	switch typ.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return livingTypes(typ.Elem(), found)
	case reflect.Map:
		return livingTypes(typ.Elem(), livingTypes(typ.Key(), found))
	}
	if !ours(typ) || found[typ] {
		return found
	}
	found[typ] = true
	for i := range typ.NumField() {
		if anew[imagetest.Name(typ, i)] == "" {
			livingTypes(typ.Field(i).Type, found)
		}
	}
	return found
}

// imageTypes are the structures that an image is made of.
func imageTypes(typ reflect.Type, found map[reflect.Type]bool) (all []reflect.Type) {
	switch {
	case typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice || typ.Kind() == reflect.Array:
		return imageTypes(typ.Elem(), found)
	case !ours(typ) || found[typ]:
		return nil
	}
	found[typ] = true
	all = append(all, typ)
	for i := range typ.NumField() {
		all = append(all, imageTypes(typ.Field(i).Type, found)...)
	}
	return all
}

// Of everything that is written down something is there, and each of it is the same in the other process.
func TestEveryFieldArrives(t *testing.T) {
	s := fullStage(t)
	n := s.moved()
	c := comparison{TB: t, something: map[string]bool{}, seen: map[[2]uintptr]bool{}}
	c.same("Directory", reflect.ValueOf(s.dir).Elem(), reflect.ValueOf(n.dir).Elem())
	c.recordings(s.dir, n.dir)
	for name := range carried {
		if !c.something[name] {
			t.Errorf("%s: there is nothing of it in this test", name)
		}
	}
	s.ends()
	n.ends()
}

// ends ends the recordings.
func (s *stage) ends() {
	s.dir.endRecordings()
	s.leave()
}

// fullStage is one on which there is something of everything.
func fullStage(t testing.TB) *stage {
	s := newStage(t)
	anna, boris, line := s.joins("anna", codec.PCMA), s.joins("boris", codec.PCMU), s.comes("line", codec.PCMA)
	s.comes("vera", codec.PCMA)
	r, words := s.room, NewSound(noise(1, 1000)).Looped()
	words.peak = 77
	line.p.seat.link, line.p.link, r.links = true, true, 1
	line.p.seat.invited, line.p.seat.dismissed = true, true
	line.p.ear = fullEar()
	line.p.sending = true
	r.locked, r.silent, r.taped, r.loudest = true, true, true, 5
	r.limiter.Cut, r.limiter.Hold = 0.25, 3
	r.chime = chime{joined: true, left: true, now: playing{tone: s.dir.tones.joined, next: 2}, round: 3, announcing: true, rest: 17}
	r.words = fullWords(words)
	p := anna.p
	p.flags = flags{muted: true, silenced: true, host: true, deaf: true, aside: true}
	p.voice = voice{Talking: true, Level: -20, Run: 2}
	p.music, p.spared, p.spoken, p.standing, p.awaits, p.round = true, true, true, 5, 12, 3
	p.gains = gains{hear: 2, speak: -3}
	p.own = playing{tone: words.tone, next: 1, loop: true, keys: true, till: true}
	p.notice = notice{knows: true, heard: 4, said: &Notices{On: words, Off: Refused}, saying: playing{tone: Refused.tone, next: 5}}
	p.mate = boris.p
	for _, digit := range []byte("12345678901234567890") {
		p.keys.press(digit)
	}
	s.records()
	rec := r.recorded
	rec.before = 160
	rec.lost.Store(160)
	rec.warned = true
	rec.tape.Write(noise(2, 320))
	rec.taken.Store(320)
	rec.ring.put(noise(3, 800))
	if err := s.dir.Pause(t.Context()); err != nil {
		t.Fatal(err)
	}
	rec.start()
	over := newRecording(s.dir) // of a conference that is over
	over.room, over.tape = &Room{number: "77"}, s.tape
	over.ended.Store(true)
	s.dir.recordings[over] = struct{}{}
	s.dir.recorders.Add(1)
	over.start()
	s.dir.recordingLost = 9
	s.dir.born += 1 << 30
	return s
}

func fullWords(said Sound) (w words) {
	w = words{now: playing{tone: said.tone, next: 3}, tapes: true, on: true, frames: 7}
	w.add(announcement{about: Links, on: true, sound: said, except: []string{"call-anna"}})
	return w
}

// fullEar is one that has heard something, and is about to hear more.
func fullEar() *ear {
	e := new(ear)
	fill(reflect.ValueOf(e).Elem())
	return e
}

// fill puts something into whatever is exported.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Uint, reflect.Uint8:
		v.SetUint(3)
	default:
		v.SetInt(7)
	}
}

// comparison walks through two directories side by side.
type comparison struct {
	testing.TB
	something map[string]bool // of which fields
	seen      map[[2]uintptr]bool
}

func (c *comparison) same(path string, a, b reflect.Value) {
	switch a.Kind() {
	case reflect.Pointer:
		c.behind(path, a, b)
	case reflect.Struct:
		c.fields(path, a, b)
	case reflect.Slice, reflect.Array:
		if a.Len() != b.Len() {
			c.Errorf("%s: there are %d, want %d", path, b.Len(), a.Len())
			return
		}
		for i := range a.Len() {
			if elem := b.Index(i); elem.Kind() == reflect.Slice && elem.IsNil() && path[max(0, len(path)-5):] == ".tone" {
				continue // a frame that everybody has heard
			}
			c.same(fmt.Sprintf("%s[%d]", path, i), a.Index(i), b.Index(i))
		}
	case reflect.Map:
		c.maps(path, a, b)
	case reflect.Bool, reflect.String, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint32, reflect.Uint64, reflect.Float32:
		if !a.Equal(b) {
			c.Errorf("%s is %v, want %v", path, b, a)
		}
	default:
		c.Errorf("%s is a %s", path, a.Kind())
	}
}

func (c *comparison) behind(path string, a, b reflect.Value) {
	pair := [2]uintptr{a.Pointer(), b.Pointer()}
	switch {
	case a.IsNil() || b.IsNil():
		if a.IsNil() != b.IsNil() {
			c.Errorf("%s is there: %v, want %v", path, !b.IsNil(), !a.IsNil())
		}
	case !ours(a.Type().Elem()):
		if a.Pointer() != b.Pointer() {
			c.Errorf("%s is another one", path)
		}
	case !c.seen[pair]:
		c.seen[pair] = true
		c.same(path, a.Elem(), b.Elem())
	}
}

func (c *comparison) fields(path string, a, b reflect.Value) {
	typ := a.Type()
	for i := range typ.NumField() {
		name := imagetest.Name(typ, i)
		if anew[name] != "" || counted[name] || strings.HasSuffix(name, "._") {
			continue
		}
		if !a.Field(i).IsZero() {
			c.something[name] = true
		}
		c.same(path+"."+typ.Field(i).Name, a.Field(i), b.Field(i))
	}
}

// counted are fields of which there is one sum in the image: recordings compares that.
var counted = map[string]bool{"Recording.before": true, "Recording.taken": true, "ring.written": true}

// recordings compares how far they are, and whether they are over.
func (c *comparison) recordings(a, b *Directory) {
	states := func(d *Directory) (all []string) {
		for rec := range d.recordings {
			all = append(all, fmt.Sprint(rec.State(), rec.ended.Load(), rec.ring.waiting()))
			c.something["Recording.taken"] = c.something["Recording.taken"] || rec.taken.Load() > 0
			c.something["Recording.before"] = c.something["Recording.before"] || rec.before > 0
			c.something["Recording.ended"] = c.something["Recording.ended"] || rec.ended.Load()
			c.something["ring.written"] = c.something["ring.written"] || rec.ring.waiting() > 0
		}
		slices.Sort(all)
		return all
	}
	if was, is := states(a), states(b); !slices.Equal(was, is) {
		c.Errorf("the recordings are %q, want %q", is, was)
	}
}

// maps compares by key where there are names, else only how many there are.
func (c *comparison) maps(path string, a, b reflect.Value) {
	if a.Len() != b.Len() {
		c.Errorf("%s: there are %d, want %d", path, b.Len(), a.Len())
	}
	for _, key := range a.MapKeys() {
		if key.Kind() == reflect.String && b.MapIndex(key).IsValid() {
			c.same(path+"."+key.String(), a.MapIndex(key), b.MapIndex(key))
		}
	}
}
