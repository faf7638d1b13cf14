package rooms

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipconf/sipconf/codec"
)

// reel is a Tape in memory, on a disk that may be full or slow.
type reel struct {
	before int64         // samples that an earlier process has written
	slow   time.Duration // how long each write takes

	mu     sync.Mutex
	pcm    []int16
	full   bool
	tries  int // in vain
	closed bool
}

func (r *reel) Name() string   { return "reel.wav" }
func (r *reel) Samples() int64 { return r.before }

func (r *reel) Write(samples []int16) error {
	time.Sleep(r.slow) // in fake time
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.full {
		r.tries++
		return errors.New("no space left on device")
	}
	r.pcm = append(r.pcm, samples...)
	return nil
}

func (r *reel) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return fs.ErrClosed
	}
	r.closed = true
	return nil
}

// fill makes the disk full, or no more.
func (r *reel) fill(full bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.full = full
}

// heard is what is on the reel.
func (r *reel) heard() []int16 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.pcm)
}

// recordingOf makes a recording without a loop and a goroutine.
func recordingOf(room *Room, tape Tape, log *buffer) *Recording {
	d := &Directory{recordings: make(map[*Recording]struct{})}
	d.config.Log = slog.New(slog.NewTextHandler(log, nil))
	rec := &Recording{directory: d, room: room, ring: newRing(recordingTime * mixRate), done: make(chan struct{})}
	rec.load(tape)
	d.recordings[rec] = struct{}{}
	return rec
}

// records begins to record the room.
func (s *scene) records(tape Tape) *Recording {
	rec := recordingOf(s.room, tape, new(buffer))
	s.room.record(rec)
	return rec
}

// stops ends it before the next tick.
func (s *scene) stops(rec *Recording) {
	s.room.stopRecording(rec)
	rec.drain()
	rec.finish()
}

// sounds is a frame as somebody with that codec gets it.
func sounds(c *codec.Codec, frame []int16) []byte {
	payload := make([]byte, c.FrameBytes())
	c.Encode(payload, frame)
	return payload
}

// Three talk, and shout at last; there are tones and an announcement, somebody is muted, somebody steps aside, somebody leaves. Bit by
// bit the recording has what Lena gets, who is there all the time and says nothing, and the same for Olga with her other codec.
func TestRecordingHasWhatAListenerHears(t *testing.T) {
	s := newScene(t)
	ann, bob, eva := s.joins("ann", codec.PCMA), s.joins("bob", codec.PCMU), s.joins("eva", codec.PCMA)
	lena, olga := s.joins("lena", codec.PCMU), s.joins("olga", codec.PCMA)
	ann.speaks(400, 6000)
	bob.speaks(1000, 5000)
	eva.speaks(1700, 4000)
	s.ticks(100) // the tones that are for them alone
	tape := new(reel)
	rec := s.records(tape)
	ticks, limited := 0, 0
	goOn := func(n int) {
		t.Helper()
		for range n {
			s.ticks(1)
			rec.drain()
			frame := tape.heard()[160*ticks:]
			ticks++
			if len(frame) != 160 {
				t.Fatalf("tick %d: %d samples", ticks, len(frame))
			}
			for _, ph := range []*phone{lena, olga} {
				if want := sounds(ph.codec, frame); !bytes.Equal(ph.payload, want) {
					t.Fatalf("tick %d: %s got\n% x, and on the tape is\n% x", ticks, ph.name, ph.payload, want)
				}
			}
			if s.room.work.limited {
				limited++
			}
		}
	}
	goOn(50)
	s.joins("ivan", codec.PCMA) // who is announced by a tone
	goOn(60)
	words := Signal(900, 400*time.Millisecond, 0)
	words.loop = false
	s.room.announce(announcement{sound: words})
	goOn(30)
	bob.p.flags.muted = true
	eva.p.flags.aside = true
	goOn(30)
	bob.p.flags.muted, eva.p.flags.aside = false, false
	ann.speaks(400, fullScale)
	bob.speaks(1000, fullScale)
	goOn(50)
	eva.leaves("hung up")
	goOn(60)
	if limited < 50 {
		t.Errorf("limited in %d ticks: this shows too little", limited)
	}
	s.stops(rec)
	if state := rec.State(); state != (TapeImage{Room: "5234", File: "reel.wav", Samples: int64(160 * ticks)}) || !tape.closed {
		t.Errorf("%+v, closed: %v", state, tape.closed)
	}
}

// A recording has the ticks between its begin and its end, and one that goes on from there has no gap.
func TestRecordingBeginsAndEndsWithATick(t *testing.T) {
	s := newQuietScene(t)
	ann, lena := s.joins("ann", codec.PCMU), s.joins("lena", codec.PCMU)
	noise := uint32(1)
	ann.says = func(int) int16 {
		noise ^= noise << 13
		noise ^= noise >> 17
		noise ^= noise << 5
		return int16(noise) >> 3
	}
	s.ticks(settle)
	s.forget()
	s.ticks(3)
	first := new(reel)
	rec := s.records(first)
	s.ticks(7)
	s.stops(rec)
	second := &reel{before: rec.State().Samples}
	next := s.records(second)
	s.ticks(5)
	s.stops(next)
	s.ticks(4)
	if got := rec.State().Samples; got != 7*160 {
		t.Errorf("%d samples in 7 ticks", got)
	}
	if got := next.State().Samples; got != 12*160 {
		t.Errorf("%d samples in 7 and 5 ticks", got)
	}
	var got []int16
	for frame := range slices.Chunk(slices.Concat(first.heard(), second.heard()), 160) {
		got = append(got, lena.throughCodec(frame)...)
	}
	if !slices.Equal(got, lena.heard[3*160:15*160]) {
		t.Error("it is not what was heard in the ticks 3 to 14")
	}
}

// Nobody is in the room; then Ann is, alone, and talks over an announcement. She hears what she would hear without a recording.
func TestRecordingTheLonely(t *testing.T) {
	s := newScene(t)
	tape := new(reel)
	rec := s.records(tape)
	s.ticks(5)
	rec.drain()
	if empty := tape.heard(); !slices.Equal(empty, make([]int16, 5*160)) {
		t.Errorf("5 ticks of an empty room are %d samples: %d", len(empty), empty)
	}
	ann := s.joins("ann", codec.PCMU)
	ann.speaks(400, 6000)
	s.ticks(30)
	if got := ann.hearsTone(s.room.tones.alone); !slices.Equal(got, []int{0}) {
		t.Errorf("she hears the tone of the first at %v, want once at 0", got)
	}
	s.forget()
	s.ticks(5)
	ann.hearsSilence()
	words := slices.Repeat([]int16{500, -500}, 80)
	s.room.announce(announcement{sound: NewSound(slices.Repeat(words, 10))})
	for range 10 {
		s.forget()
		s.ticks(1)
		rec.drain()
		pcm := tape.heard()
		for i, v := range pcm[len(pcm)-160:] {
			if want := ann.pulled[i] + words[i]; v != want || ann.pulled[0] == ann.pulled[7] {
				t.Fatalf("sample %d is %d, want her voice and the words, %d", i, v, want)
			}
		}
		if !slices.Equal(ann.heard, ann.throughCodec(words)) {
			t.Fatalf("she hears %d, not the announcement", ann.heard)
		}
	}
	s.stops(rec)
	if got := rec.State().Samples; got != 50*160 {
		t.Errorf("%d samples in 50 ticks", got)
	}
}

// Two shout at each other, each of whom hears what fits; on the tape both have to.
func TestRecordedShoutersAreLimited(t *testing.T) {
	s := newQuietScene(t)
	ann, bob := s.joins("ann", codec.PCMA), s.joins("bob", codec.PCMU)
	ann.speaks(400, fullScale)
	bob.speaks(1000, fullScale)
	tape := new(reel)
	rec := s.records(tape)
	s.ticks(settle)
	rec.drain()
	begin := len(tape.heard())
	s.ticks(50)
	s.stops(rec)
	if got := distortion(tape.heard()[begin:], mixRate, []float64{400, 1000}); got > -30 {
		t.Errorf("distortion %.1f dB", got)
	}
}

// Whoever does the tick of a large room, the recording is the same.
func TestRecordingALargeRoom(t *testing.T) {
	th := newTheatre(t, 4, 1, 3)
	for range largeFrom + 10 {
		th.joins()
	}
	var tapes []*reel
	var recs []*Recording
	for _, s := range th.scenes {
		tapes = append(tapes, new(reel))
		recs = append(recs, s.records(tapes[len(tapes)-1]))
	}
	for range 20 {
		th.changes()
		th.tick()
	}
	for i, s := range th.scenes {
		s.stops(recs[i])
		if got := tapes[i].heard(); len(got) != 20*160 || !slices.Equal(got, tapes[0].heard()) || slices.Max(got) < 1000 {
			t.Errorf("crew %d: %d samples, or others than without it", i, len(got))
		}
	}
}

func TestRecordingAllocatesNothing(t *testing.T) {
	for _, phones := range []int{0, 1, 10} {
		c := newCrowd(phones, phones)
		rec := recordingOf(c.room, new(reel), new(buffer))
		c.room.record(rec)
		c.tick()
		if n := testing.AllocsPerRun(100, c.tick); n != 0 {
			t.Errorf("%d phones: %v allocations in a tick", phones, n)
		}
		if got := rec.ring.waiting(); got != 102*160 {
			t.Errorf("%d phones: %d samples in 102 ticks", phones, got)
		}
		if n := testing.AllocsPerRun(200, c.tick); n != 0 || rec.lost.Load() == 0 {
			t.Errorf("%d phones: %v allocations in a tick when the disk stands still, %d samples lost", phones, n, rec.lost.Load())
		}
	}
}

// disk lets a recording run against a reel, in fake time, and puts a frame every 20 ms.
type disk struct {
	rec  *Recording
	tape *reel
	log  *buffer
	put  int16 // frames
}

func newDisk(tape *reel) *disk {
	d := &disk{tape: tape, log: new(buffer)}
	d.rec = recordingOf(&Room{number: "5234"}, tape, d.log)
	go d.rec.run() // ends in ends
	return d
}

func (d *disk) goes(seconds int) {
	for range 50 * seconds {
		d.put++
		d.rec.put(slices.Repeat([]int16{d.put}, 160))
		time.Sleep(20 * time.Millisecond)
	}
}

// ends stops it, and returns which frames are on the tape.
func (d *disk) ends(t *testing.T) (frames []int16) {
	t.Helper()
	d.rec.ended.Store(true)
	<-d.rec.Done()
	pcm := d.tape.heard()
	for frame := range slices.Chunk(pcm, 160) {
		if len(frame) != 160 || slices.Min(frame) != slices.Max(frame) || len(frames) > 0 && frame[0] <= frames[len(frames)-1] {
			t.Fatalf("frame %d is not whole, or not in its place", len(frames))
		}
		frames = append(frames, frame[0])
	}
	running, lost := d.rec.directory.recorded()
	if want := uint64(160 * (int(d.put) - len(frames))); running != 0 || lost != want || d.rec.lost.Load() != want {
		t.Errorf("%d recordings run, %d samples are counted as lost, want 0 and %d", running, lost, want)
	}
	if d.rec.State().Samples != int64(len(pcm)) || !d.tape.closed {
		t.Errorf("%+v, closed: %v", d.rec.State(), d.tape.closed)
	}
	return frames
}

// A disk that is full for as long as the ring lasts costs nothing; for longer, what did not fit. The warning comes once.
func TestFullDisk(t *testing.T) {
	for _, c := range []struct{ full, lost int }{{0, 0}, {4, 0}, {12, 7}} {
		synctest.Test(t, func(t *testing.T) {
			d := newDisk(new(reel))
			d.goes(2)
			d.tape.fill(c.full > 0)
			d.goes(c.full)
			d.tape.fill(false)
			d.goes(2)
			d.tape.fill(c.full > 0)
			d.goes(1)
			d.tape.fill(false)
			d.goes(1)
			frames := d.ends(t)
			if lost := int(d.put) - len(frames); lost < 50*c.lost || lost > 50*c.lost+12 { // what comes at the moment of a try may be before or behind it
				t.Errorf("full for %d s: %d frames are lost, want %d s", c.full, lost, c.lost)
			}
			warnings := strings.Count(d.log.String(), "level=WARN")
			if want := min(c.full, 1); warnings != want || want == 1 && !strings.Contains(d.log.String(), "no space left") {
				t.Errorf("full for %d s: %d warnings, want %d:\n%s", c.full, warnings, want, d.log)
			}
			if !strings.Contains(d.log.String(), "recording has ended") {
				t.Error(d.log)
			}
		})
	}
}

// A disk that stays full to the end: what waits is counted, and the file is closed.
func TestFullDiskAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(new(reel))
		d.goes(1)
		d.tape.fill(true)
		d.goes(3)
		if frames := d.ends(t); len(frames) < 45 || len(frames) > 55 {
			t.Errorf("%d frames of the first second", len(frames))
		}
	})
}

// Each write takes eight seconds, which is more than the ring holds: what comes after its five seconds is lost. Else nothing is.
func TestSlowDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk(&reel{slow: 8 * time.Second})
		d.goes(17)
		frames := d.ends(t)
		if first := slices.Index(frames, 250); first != 249 || len(frames) == int(d.put) {
			t.Errorf("frame 250 is the %dth on the tape, and %d of %d are there", first+1, len(frames), d.put)
		}
		if n := strings.Count(d.log.String(), "level=WARN"); n != 1 || !strings.Contains(d.log.String(), "too slow") {
			t.Errorf("%d warnings:\n%s", n, d.log)
		}
	})
}

// tapeOf opens a reel.
func tapeOf(r *reel) func() (Tape, error) { return func() (Tape, error) { return r, nil } }

// whole fails unless the recording ends, and with it the tape.
func (h *house) whole(rec *Recording, tape *reel) {
	h.Helper()
	select {
	case <-rec.Done():
	case <-time.After(10 * time.Second):
		h.Fatal("the recording does not end")
	}
	if n := len(tape.heard()); !tape.closed || n == 0 || n%160 != 0 || int64(n) != rec.State().Samples {
		h.Errorf("%d samples, closed: %v, %+v", n, tape.closed, rec.State())
	}
}

// runs waits until there is something on the tape.
func (r *reel) runs(t *testing.T) {
	waitFor(t, "the tape to run", func() bool { return len(r.heard()) > 0 })
}

func TestRecordAndStop(t *testing.T) {
	h := newHouse(t, Config{})
	if rec, err := h.Record("5234", tapeOf(new(reel))); rec != nil || !errors.Is(err, ErrNoRoom) {
		t.Errorf("a room that does not exist: %v, %v", rec, err)
	}
	ann := h.calls("ann")
	p := h.seat("5234").Join(ann)
	refused := errors.New("permission denied")
	if rec, err := h.Record("5234", func() (Tape, error) { return nil, refused }); rec != nil || !errors.Is(err, refused) || h.Recording("5234") != nil {
		t.Errorf("a tape that cannot be opened: %v, %v", rec, err)
	}
	if s := h.Stats(); s.Recordings != 0 {
		t.Errorf("%+v", s)
	}
	for range 2 { // again after it has ended
		tape := new(reel)
		rec, err := h.Record("5234", tapeOf(tape))
		if err != nil || h.Recording("5234") != rec {
			t.Fatal(err, h.Recording("5234"))
		}
		if again, err := h.Record("5234", tapeOf(new(reel))); again != nil || !errors.Is(err, ErrRecorded) {
			t.Errorf("a second one: %v, %v", again, err)
		}
		if s := h.Stats(); s.Recordings != 1 {
			t.Errorf("%+v", s)
		}
		tape.runs(t)
		rec.Stop()
		if h.Recording("5234") != nil {
			t.Error("it is recorded after the stop")
		}
		rec.Stop()
		h.whole(rec, tape)
	}
	if s := h.Stats(); s.Recordings != 0 || s.RecordingLost != 0 {
		t.Errorf("%+v", s)
	}
	p.Leave("hung up")
	ann.leg.Close()
}

// While the folder is slow to open a file, another host presses the keys: then there is no recording.
func TestStopBeforeTheTapeIsOpen(t *testing.T) {
	h := newHouse(t, Config{})
	seat := h.seat("5234")
	tape := new(reel)
	rec, err := h.Record("5234", func() (Tape, error) {
		opening := h.Recording("5234")
		if state := opening.State(); state != (TapeImage{Room: "5234"}) {
			t.Errorf("%+v", state)
		}
		opening.Stop()
		return tape, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	<-rec.Done()
	if h.Recording("5234") != nil || len(tape.heard()) != 0 || !tape.closed {
		t.Errorf("%v, %d samples, closed: %v", h.Recording("5234"), len(tape.heard()), tape.closed)
	}
	seat.room.wait(func() {
		if seat.room.recording != nil {
			t.Error("the room still puts its sound somewhere")
		}
	})
	seat.Release()
}

// The last one leaves, the room breaks, the server ends: each time the file is whole.
func TestRecordingEndsWithTheRoom(t *testing.T) {
	for name, ends := range map[string]func(h *house, c *call, p *Participant){
		"gone":   func(_ *house, _ *call, p *Participant) { p.Leave("hung up") },
		"closed": func(h *house, _ *call, _ *Participant) { h.Directory.Close() },
		"engine": func(h *house, _ *call, _ *Participant) { h.engine.Close(); h.Directory.Close() },
		"broken": func(h *house, c *call, p *Participant) {
			p.seat.room.wait(func() { p.leg = nil })
			waitFor(h, "the call to be hung up", func() bool { return c.hungUp.Load() != nil })
			p.seat.room.wait(func() { p.leg = c.leg })
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, Config{})
			c := h.calls("ann")
			p := h.seat("5234").Join(c)
			tape := new(reel)
			rec, err := h.Record("5234", tapeOf(tape))
			if err != nil {
				t.Fatal(err)
			}
			tape.runs(t)
			ends(h, c, p)
			h.whole(rec, tape)
			if s := h.Stats(); s.Recordings != 0 {
				t.Errorf("%+v", s)
			}
			if text := h.log.String(); strings.Count(text, "recording has ended") != 1 || !strings.Contains(text, "reel.wav") {
				t.Error(text)
			}
			p.Leave("hung up")
			c.leg.Close()
		})
	}
}

// Recording a room costs a copy of its frame.
func BenchmarkRecording(b *testing.B) {
	for _, recorded := range []bool{false, true} {
		b.Run(map[bool]string{false: "off", true: "on"}[recorded], func(b *testing.B) {
			c := newCrowd(10, 3)
			c.soften()
			rec := recordingOf(c.room, new(reel), new(buffer))
			if recorded {
				c.room.record(rec)
			}
			for range 200 {
				c.tick()
			}
			for b.Loop() {
				c.tick()
				rec.ring.skip(rec.ring.waiting())
			}
		})
	}
}
