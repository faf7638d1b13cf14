package rooms

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"hash/crc32"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media"
)

// stage is a scene whose room is on the books of a directory. Its loop is that of an engine that is paused, so that the test owns it, as
// somebody does who writes rooms down.
type stage struct {
	*scene
	engine *media.Engine
	dir    *Directory
	calls  map[string]*call
	tape   *reel // of the recording; nil: there was none
	sent   *parcels
}

const stageRoom = "5234"

// newStage makes one on which nobody is yet.
func newStage(t testing.TB) *stage {
	t.Helper()
	engine, err := media.New(media.Config{Loops: 1, Hands: 2, Ports: media.PortRange{First: 40000, Last: 40999}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(engine.Close)
	if err := engine.Pause(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	return &stage{scene: &scene{TB: t, now: int64(time.Hour)}, engine: engine, dir: stageDirectory(engine), calls: make(map[string]*call), sent: newParcels()}
}

// stageDirectory is one without a journal: the events are the test's.
func stageDirectory(engine *media.Engine) *Directory {
	return &Directory{
		config: Config{Engine: engine, MaxParticipants: 1000, MaxLegs: 1000, Log: slog.New(slog.DiscardHandler)},
		tones:  stageTones, events: newQueue(1024), journal: new(journal), born: uint64(time.Now().UnixMilli()),
		rooms: make(map[string]*Room), recordings: make(map[*Recording]struct{}),
	}
}

var stageTones = newTones(mixRate)

// comes lets somebody come into the ante-room.
func (s *stage) comes(name string, c *codec.Codec) *phone {
	s.Helper()
	return s.brings(s.scene.calls(name, c))
}

// alike gives a phone the same leg as another has, which sends under the same random numbers.
func (ph *phone) alike(other *phone) {
	im, _ := other.leg.Save()
	leg, err := media.RestoreLeg(ph.scene.legs, &im, ph.wire, nil)
	if err != nil {
		ph.scene.Fatal(err)
	}
	ph.leg = leg
}

// brings lets somebody come into the ante-room.
func (s *stage) brings(ph *phone) *phone {
	s.Helper()
	name := ph.name
	seat, created, err := s.dir.reserve(stageRoom, s.engine.Loop(), false)
	if err != nil {
		s.Fatal(err)
	}
	if created {
		s.room, s.events = seat.room, s.dir.events
		s.room.created = s.wall()
		s.room.begin()
	}
	made := &call{id: "call-" + name, leg: ph.leg}
	s.calls[made.id] = made
	ph.p = seat.Wait(made)
	ph.p.since = s.wall()
	s.room.admit(ph.p)
	return ph
}

// wall is the time of now on everybody's clock.
func (s *stage) wall() time.Time { return time.Unix(0, s.now) }

// enters lets him in.
func (s *stage) enters(ph *phone) {
	if _, ok := s.dir.enters(ph.p.seat); !ok {
		s.Fatalf("%s does not enter", ph.name)
	}
	s.room.enter(ph.p)
}

// joins is comes and enters.
func (s *stage) joins(name string, c *codec.Codec) *phone {
	s.Helper()
	ph := s.comes(name, c)
	s.enters(ph)
	return ph
}

// goes lets him leave.
func (s *stage) goes(ph *phone) {
	ph.p.seat.state.Store(free)
	s.room.remove(ph.p, "hung up")
	s.dir.vacate(ph.p.seat)
}

// records begins to record the room.
func (s *stage) records() {
	s.tape = new(reel)
	rec, err := s.dir.begin(stageRoom, func() (Tape, error) { return s.tape, nil })
	if err != nil {
		s.Fatal(err)
	}
	s.room.record(rec)
}

// through is what becomes of an image on its way to another process.
func through(t testing.TB, from *Image) *Image {
	t.Helper()
	to, _ := newParcels().send(t, from)
	return to
}

// parcels are images on their way to other processes.
type parcels struct {
	bytes.Buffer
	packs   *gob.Encoder
	unpacks *gob.Decoder
}

func newParcels() *parcels {
	p := new(parcels)
	p.packs, p.unpacks = gob.NewEncoder(p), gob.NewDecoder(p)
	return p
}

// send says what comes of an image, and how many bytes it is.
func (p *parcels) send(t testing.TB, from *Image) (to *Image, size int) {
	t.Helper()
	if err := p.packs.Encode(from); err != nil {
		t.Fatal(err)
	}
	size, to = p.Len(), new(Image)
	if err := p.unpacks.Decode(to); err != nil {
		t.Fatal(err)
	}
	return to, size
}

// moved is the same stage in another process. This one may go on as if nothing had happened.
func (s *stage) moved() *stage {
	s.Helper()
	to := *s.scene
	n := &stage{scene: &to, engine: s.engine, dir: stageDirectory(s.engine), calls: make(map[string]*call), sent: s.sent}
	to.phones, to.events = nil, n.dir.events
	for _, ph := range s.phones {
		clone := *ph
		clone.scene, clone.heard, clone.pulled = &to, slices.Clone(ph.heard), nil
		clone.wire = &wire{local: ph.wire.local, from: ph.wire.from, incoming: slices.Clone(ph.wire.incoming)}
		im, open := ph.leg.Save()
		if !open {
			s.Fatalf("the leg of %s is closed", ph.name)
		}
		leg, err := media.RestoreLeg(s.legs, &im, clone.wire, nil)
		if err != nil {
			s.Fatal(err)
		}
		clone.leg = leg
		n.calls["call-"+ph.name] = &call{id: "call-" + ph.name, leg: leg}
		to.phones = append(to.phones, &clone)
	}
	im, _ := s.sent.send(s, s.dir.Save())
	found, err := n.dir.Restore(im, func(id string) Call { return n.calls[id] }, func(im TapeImage) (Tape, error) {
		n.tape = &reel{before: im.Samples}
		return n.tape, nil
	})
	if err != nil {
		s.Fatal(err)
	}
	for _, ph := range to.phones {
		if ph.p = found["call-"+ph.name]; ph.p == nil {
			ph.p = &Participant{phase: gone}
		}
	}
	to.room = n.dir.rooms[stageRoom]
	return n
}

// leave takes the stage off the loop.
func (s *stage) leave() {
	if s.room != nil {
		s.room.loop.Remove(s.room)
	}
	for _, ph := range s.phones {
		s.engine.Numbered(0).Detach(ph.leg)
	}
}

// play is a stage and its twins in other processes, with which the same happens.
type play struct {
	*stage
	twins  []*twin
	random *rand.Rand
	joined int
	ticked int
	seen   map[string]int // after how many ticks it was in the middle, once for each who was
	told   *Notices
}

type twin struct {
	*stage
	since int  // the tick in which it was made
	again bool // is moved after each tick
}

func newPlay(t testing.TB, seed uint64) *play {
	p := &play{stage: newStage(t), random: rand.New(rand.NewPCG(seed, 7)), seen: make(map[string]int),
		told: &Notices{On: NewSound(noise(seed, 2500)), Off: NewSound(noise(seed+1, 1200))}}
	p.legs.Level = seed%2 == 1
	return p
}

// noise is made-up sound.
func noise(seed uint64, n int) []int16 {
	pcm := make([]int16, n)
	for i := range pcm {
		pcm[i] = noiseAt(seed, i) >> 3
	}
	return pcm
}

func noiseAt(seed uint64, i int) int16 {
	x := (uint64(i) + seed<<40 + 1) * 0x9e3779b97f4a7c15
	x ^= x >> 29
	return int16(x * 0xbf58476d1ce4e5b9 >> 48)
}

// all has the same happen everywhere.
func (p *play) all(do func(*stage)) {
	do(p.stage)
	for _, tw := range p.twins {
		do(tw.stage)
	}
}

// somebody joins, or comes into the ante-room: who says nothing, is silent, or makes some noise.
func (p *play) somebodyComes(joins bool) {
	name, law := fmt.Sprint(p.joined), []*codec.Codec{codec.PCMA, codec.PCMU}[p.random.IntN(2)]
	p.joined++
	sends, softer, seed := p.random.IntN(6), p.random.IntN(6), p.random.Uint64()
	var first *phone
	p.all(func(s *stage) {
		ph := s.scene.calls(name, law)
		if first == nil {
			first = ph
		} else {
			ph.alike(first)
		}
		s.brings(ph)
		if joins {
			s.enters(ph)
		}
		switch sends {
		case 0:
		case 1:
			ph.listens()
		default:
			ph.says = func(i int) int16 { // with pauses
				if i/4000%3 == 0 {
					return 0
				}
				return noiseAt(seed, i) >> softer
			}
		}
	})
}

// happens has something happen.
func (p *play) happens() {
	who, what, other, n := p.random.IntN(len(p.phones)), p.random.IntN(20), p.random.IntN(len(p.phones)), p.random.IntN(50)
	if p.phones[who].p.phase == gone {
		return
	}
	if what == 0 && len(p.room.members) < 9 {
		p.somebodyComes(n > 10)
		return
	}
	p.all(func(s *stage) { s.changes(s.phones[who], s.phones[other], what, n, p.told) })
}

// changes is what happens, by its number, to somebody.
func (s *stage) changes(ph, other *phone, what, n int, told *Notices) {
	p, f := ph.p, &ph.p.flags
	switch what {
	case 0, 1:
		if len(s.room.members) > 3 && n < 15 {
			s.goes(ph)
		}
	case 2:
		if p.phase == waiting {
			s.enters(ph)
		}
	case 3, 4, 5:
		p.own = of([]Sound{NewSound(noise(uint64(n), 160*n+70)), Ringback, BusyTone, Refused, {}}[n%5])
		p.own.keys, p.own.till = n%2 == 0, n%3 == 0
	case 6, 7:
		s.room.announce(announcement{about: Topic(n) % topics, on: n%2 == 0, sound: NewSound(noise(uint64(n), 4000)), except: []string{p.id}})
	case 8:
		s.room.announceTape(n%3 > 0, NewSound(noise(uint64(n), 1600)))
	case 9:
		p.notice = notice{said: told}
	case 10:
		f.muted = n%4 == 0
	case 11:
		f.deaf, f.host = n%4 == 0, n%3 == 0
	case 12:
		ph.renegotiates(func(s *media.Session) { s.Held = n%3 == 0 })
	case 13:
		p.gains.hear, p.gains.speak = turned(p.gains.hear, n%5-2), turned(p.gains.speak, n%3-1)
	case 14, 15:
		f.aside, p.mate = true, nil
		if other.p.phase != gone {
			p.mate = other.p
			other.p.flags.aside, other.p.mate = n%2 == 0, p
		}
	case 16:
		f.aside, p.mate, p.own = false, nil, playing{}
	case 17:
		if p.ear == nil {
			p.ear = new(ear)
		}
		p.ear.listen(Listening(1 + n%3))
	case 18:
		s.room.silence(n%2 == 0)
	case 19:
		ph.leg.Press("0123456789*#"[n%12])
		keys, err := media.NewKeys(n%2 == 0, media.Stroke{Key: '5'})
		if err != nil {
			s.Fatal(err)
		}
		ph.leg.SendKeys(keys)
		p.sending = true
	}
}

// tick ticks everywhere, and fails unless everybody was sent the same everywhere and the same is told.
func (p *play) tick() {
	p.Helper()
	p.all(func(s *stage) {
		for _, ph := range s.phones {
			ph.send()
		}
		s.room.Tick(s.now)
		s.now += int64(20 * time.Millisecond)
	})
	p.ticked++
	told := p.happened()
	for _, tw := range p.twins {
		for i, ph := range tw.phones {
			if want := p.phones[i]; !slices.EqualFunc(ph.wire.outgoing, want.wire.outgoing, bytes.Equal) {
				p.Fatalf("tick %d, %d after the twin was made (again: %v): %s is sent\n% x, want\n% x",
					p.ticked, p.ticked-tw.since, tw.again, ph.name, ph.wire.outgoing, want.wire.outgoing)
			}
		}
		if got := tw.happened(); !slices.Equal(got, told) {
			p.Fatalf("tick %d, %d after the twin was made: it tells %q, want %q", p.ticked, p.ticked-tw.since, got, told)
		}
	}
	p.all(func(s *stage) {
		for _, ph := range s.phones {
			ph.wire.outgoing = nil
		}
	})
}

// split makes one more twin.
func (p *play) split(again bool) {
	p.twins = append(p.twins, &twin{p.moved(), p.ticked, again})
}

// note counts what is in the middle, and so is written down: one of the twins is after each tick.
func (p *play) note() {
	r := p.room
	for what, is := range map[string]bool{
		"chime": r.chime.now.active(), "chime's rest": r.chime.rest > 0, "words": r.words.now.active(), "words that wait": r.words.waits > 0,
		"limiter": r.limiter.Cut != 0, "words of the tape": r.words.tapes,
	} {
		if is {
			p.seen[what]++
		}
	}
	for _, m := range r.members {
		for what, is := range map[string]bool{
			"own": m.own.active() && m.own.next > 0, "looped": m.own.active() && m.own.loop, "notice": m.notice.saying.active(),
			"ante-room": m.phase == waiting, "aside": m.mate != nil && m.mate.mate == m, "ear": m.ear != nil, "keys": m.sending,
			"voice": m.voice.Talking, "spared": m.spared && r.words.now.active(), "on hold": m.leg.Held(),
		} {
			if is {
				p.seen[what]++
			}
		}
	}
}

// compare fails unless a twin is written down as the stage is.
func (p *play) compare(tw *twin) {
	p.Helper()
	got, want := settled(tw.dir.Save()), settled(p.dir.Save())
	if !reflect.DeepEqual(got, want) {
		p.Errorf("after %d ticks the twin is written down otherwise: %s", p.ticked-tw.since, differ("", reflect.ValueOf(*got), reflect.ValueOf(*want)))
	}
}

// settled is an image with what is still to be heard of each tone in the place of its number, and without what is the process's.
func settled(im *Image) *Image {
	still := func(number, from int) int {
		if number == 0 {
			return 0
		}
		t, sum := im.Tones[number-1], crc32.NewIEEE()
		for at := t.Begin; len(t.Frames) > 0; t.Frames = t.Frames[2:] {
			for n := range t.Frames[1] {
				if at++; at > from {
					sum.Write(im.Frames[(t.Frames[0]+n)*toneFrame:][:toneFrame])
				}
			}
		}
		return int(sum.Sum32())
	}
	playing := func(p *PlayingImage) {
		from := p.Next
		if p.Loop {
			from = 0
		}
		p.Tone = still(p.Tone, from)
	}
	for i := range im.Rooms {
		r := &im.Rooms[i]
		playing(&r.Chime.Now)
		playing(&r.Words.Now)
		for k := range r.Words.Waiting {
			r.Words.Waiting[k].Sound.Tone = still(r.Words.Waiting[k].Sound.Tone, 0)
		}
		for k := range r.Members {
			m := &r.Members[k]
			playing(&m.Own)
			playing(&m.Notice.Saying)
			if m.Notice.Said > 0 {
				n := im.Notices[m.Notice.Said-1]
				m.Notice.Said = still(n.On.Tone, 0)<<32 + still(n.Off.Tone, 0)
			}
		}
	}
	im.Born, im.Tones, im.Frames, im.Notices = 0, nil, nil, nil
	return im
}

// differ says where two images are not the same.
func differ(path string, got, want reflect.Value) string {
	switch {
	case reflect.DeepEqual(got.Interface(), want.Interface()):
		return ""
	case got.Kind() == reflect.Struct && got.Type() != reflect.TypeFor[time.Time]():
		for i := range got.NumField() {
			if d := differ(path+"."+got.Type().Field(i).Name, got.Field(i), want.Field(i)); d != "" {
				return d
			}
		}
	case got.Kind() == reflect.Slice && got.Len() == want.Len():
		for i := range got.Len() {
			if d := differ(fmt.Sprintf("%s[%d]", path, i), got.Index(i), want.Index(i)); d != "" {
				return d
			}
		}
	}
	return fmt.Sprintf("%s is %v, want %v", path, got, want)
}

// A room in the middle of whatever there is, with tones, prompts, the chime and announcements, is written down at any tick, and goes on in another
// process: for 200 ticks, in which more happens, everybody is sent the same to the last bit, and the same is told. One twin is moved after each tick.
func TestTwinsHearTheSame(t *testing.T) {
	const seeds, ticks = 2, 400
	seen := map[string]int{}
	for seed := range uint64(seeds) {
		p := newPlay(t, seed)
		p.seen = seen
		for range 5 {
			p.somebodyComes(true)
		}
		for n := range ticks {
			if n == 10 {
				p.split(true)
			}
			if n >= 10 && p.random.IntN(25) == 0 {
				p.split(false)
			}
			if p.random.IntN(3) == 0 {
				p.happens()
			}
			p.tick()
			p.note()
			p.twins = slices.DeleteFunc(p.twins, func(tw *twin) bool {
				old := !tw.again && p.ticked-tw.since == 200
				if old {
					p.compare(tw)
					tw.leave()
				}
				return old
			})
			for _, tw := range p.twins {
				if tw.again {
					before := tw.stage
					tw.stage = before.moved()
					before.leave()
				}
			}
		}
		for _, tw := range p.twins {
			p.compare(tw)
		}
	}
	t.Log(seen)
	for _, what := range []string{"chime", "chime's rest", "words", "words that wait", "limiter", "words of the tape", "own", "looped", "notice",
		"ante-room", "aside", "ear", "keys", "voice", "spared", "on hold"} {
		if seen[what] == 0 {
			t.Errorf("nothing was written down in the middle of: %s", what)
		}
	}
}
