package rooms

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media"
)

// succession is a house, and what comes after it: another directory on the same engine, as in another process.
type succession struct {
	*house
	next   *Directory
	people []string // what the next one has told of
	calls  map[string]Call
}

// succeeds pauses the engine and has another directory take over. gone are calls that have ended meanwhile.
func (h *house) succeeds(gone ...string) (*succession, map[string]*Participant) {
	h.Helper()
	s := &succession{house: h, calls: make(map[string]Call)}
	if err := h.Directory.Pause(h.Context()); err != nil {
		h.Fatal(err)
	}
	if err := h.engine.Pause(10 * time.Second); err != nil {
		h.Fatal(err)
	}
	h.Flush()
	im := through(h, h.Save())
	for _, r := range h.rooms { // as if they were in another process
		r.loop.Remove(r)
		for _, p := range r.members {
			r.loop.Detach(p.leg)
		}
		for _, c := range r.seats {
			if c != nil && !slices.Contains(gone, c.ID()) {
				s.calls[c.ID()] = c
			}
		}
		r.members = nil
	}
	cfg := h.config
	cfg.OnPeople = func(room string, incarnation uint64, here bool) {
		s.people = append(s.people, fmt.Sprint(room, " ", incarnation, " ", here))
	}
	s.next = NewDirectory(cfg)
	h.Cleanup(s.next.Close)
	found, err := s.next.Restore(im, func(id string) Call { return s.calls[id] }, nil)
	if err != nil {
		h.Fatal(err)
	}
	h.mu.Lock()
	h.events = nil
	h.mu.Unlock()
	h.engine.Resume()
	s.next.Resume()
	return s, found
}

// Two rooms go on in another process, on their loops: they have the same people, lock and conference, nobody is told to have come, and all that can be
// done with a room can be done with them.
func TestRoomsGoOn(t *testing.T) {
	h := newHouse(t, Config{Tones: true})
	alice, bob, carol, line := h.calls("alice"), h.calls("bob"), h.calls("carol"), h.calls("line")
	pa := h.seat("1").Join(alice)
	h.seat("1").Join(bob).Mute()
	h.seat("2").Wait(carol)
	reserved := h.seat("1")
	only := h.seat("3")
	seat, err := h.ReserveLink("1", pa.Incarnation())
	if err != nil {
		t.Fatal(err)
	}
	seat.Join(line)
	h.Lock("1", true)
	before := h.Snapshot()
	s, found := h.succeeds()

	after := s.next.Snapshot()
	if len(before) != 3 || len(after) != 2 {
		t.Fatalf("%d rooms, and %d in the other process", len(before), len(after))
	}
	for i := range after {
		want := before[i]
		if !after[i].Since.Equal(want.Since) || after[i].Incarnation != want.Incarnation || len(after[i].Participants) != len(want.Participants) {
			t.Errorf("room %+v, want %+v", after[i], want)
		}
		for k, p := range after[i].Participants {
			w := want.Participants[k]
			if p.ID != w.ID || p.Name != w.Name || p.Muted != w.Muted || p.Waiting != w.Waiting || p.Link != w.Link || !p.Since.Equal(w.Since) {
				t.Errorf("participant %+v, want %+v", p, w)
			}
		}
	}
	if want := []string{fmt.Sprint("1 ", pa.Incarnation(), " true")}; !slices.Equal(s.people, want) {
		t.Errorf("told of people: %q, want %q", s.people, want)
	}
	if st := s.next.Stats(); st.Rooms != 2 || st.Seats != 4 {
		t.Errorf("%+v", st)
	}
	if !s.next.Locked("1") || s.next.Locked("2") {
		t.Error("the lock has changed")
	}
	if _, err := s.next.Reserve("1"); !errors.Is(err, ErrLocked) {
		t.Errorf("a seat in the locked room: %v", err)
	}
	if fresh, err := s.next.Reserve("3"); err != nil || fresh.Incarnation() <= only.Incarnation() {
		t.Errorf("%v, or conference %d, where %d was the last", err, fresh.Incarnation(), only.Incarnation())
	} else {
		fresh.Release()
	}
	found["bob"].Unmute()
	if muted, _ := found["bob"].ToggleMute(); !muted {
		t.Error("bob has not been unmuted")
	}
	if !found["carol"].Enter() {
		t.Error("carol does not come in")
	}
	for _, id := range []string{"alice", "bob", "carol", "line"} {
		found[id].Leave("hung up")
		s.calls[id].Leg().Close()
	}
	s.next.Close()
	var told []string
	h.mu.Lock()
	for _, e := range h.events {
		if e.Kind == Joined || e.Kind == Left || e.Kind == RoomCreated || e.Kind == RoomGone {
			told = append(told, strings.TrimSpace(e.Kind.String()+" "+e.Room+" "+e.Call))
		}
	}
	h.mu.Unlock()
	want := []string{"room created 3", "room gone 3", "joined 2 carol", "left 1 alice", "left 1 bob", "left 2 carol", "room gone 2", "left 1 line", "room gone 1"}
	if !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
	reserved.Release()
	only.Release()
}

// Whose call has ended while everything stood still has left, in the other process; with the last one his room is gone.
func TestCallsThatEndMeanwhile(t *testing.T) {
	h := newHouse(t, Config{})
	var in []*Participant
	for _, id := range []string{"anna", "boris"} {
		in = append(in, h.seat("1").Join(h.calls(id)))
	}
	in = append(in, h.seat("2").Join(h.calls("carol")), h.seat("1").Join(h.calls("dora")))
	h.Snapshot() // all are in
	in[3].seat.state.Store(free)
	s, found := h.succeeds("boris", "carol")
	if len(found) != 1 || found["anna"] == nil {
		t.Errorf("found %v", found)
	}
	shots := s.next.Snapshot()
	if len(shots) != 1 || len(shots[0].Participants) != 1 || shots[0].Participants[0].ID != "anna" {
		t.Errorf("%+v", shots)
	}
	if st := s.next.Stats(); st.Seats != 1 {
		t.Errorf("%+v", st)
	}
	s.next.Flush()
	if h.told(Left) != 3 || h.told(RoomGone) != 1 {
		t.Errorf("%d have left, %d rooms are gone", h.told(Left), h.told(RoomGone))
	}
	one, two := in[0].Incarnation(), in[2].Incarnation()
	if want := []string{fmt.Sprint("1 ", one, " true"), fmt.Sprint("2 ", two, " true"), fmt.Sprint("2 ", two, " false")}; !slices.Equal(s.people, want) {
		t.Errorf("told of people: %q, want %q", s.people, want)
	}
	found["anna"].Leave("")
	for _, p := range in {
		p.leg.Close()
	}
}

// A room of 276 whose loop labours is ticked by the crew in the other process as well, though nobody knows there yet how long a tick takes, and everybody goes on
// hearing the same.
func TestLargeRoomGoesOn(t *testing.T) {
	p := newPlay(t, 4)
	for range largeFrom + 20 {
		p.somebodyComes(true)
	}
	for range 5 {
		p.tick()
	}
	p.room.large.shared = true
	p.split(false)
	if l := p.twins[0].room.large; l.crew == nil || !l.shared {
		t.Errorf("the crew does not do the tick: there is one: %v, shared %v", l.crew != nil, l.shared)
	}
	for range 20 {
		p.tick()
	}
	p.compare(p.twins[0])
}

// A recording goes on in other processes, three times: put together, the tapes have what that of a twin has which never moved.
func TestRecordingGoesOnElsewhere(t *testing.T) {
	p := newPlay(t, 5)
	for range 4 {
		p.somebodyComes(true)
	}
	p.records()
	p.room.recorded.start()
	var pieced []int16
	from := p.stage
	for n := range 3 {
		for range 20 + n {
			p.happens()
			p.tick()
		}
		if err := from.dir.Pause(t.Context()); err != nil {
			t.Fatal(err)
		}
		pieced = append(pieced, from.tape.heard()...)
		next := from.moved()
		if from == p.stage { // which never moves
			from.dir.Resume()
		} else {
			from.dir.endRecordings()
		}
		from, p.twins = next, []*twin{{stage: next, since: p.ticked}}
		from.dir.Resume()
	}
	for range 30 {
		p.tick()
	}
	for _, s := range []*stage{p.stage, from} {
		rec := s.room.recorded
		s.room.stopRecording(rec)
		<-rec.Done()
		if lost := rec.lost.Load(); lost != 0 {
			t.Errorf("%d samples are lost", lost)
		}
	}
	pieced = append(pieced, from.tape.heard()...)
	if whole := p.tape.heard(); len(whole) != 160*p.ticked || !slices.Equal(pieced, whole) {
		t.Errorf("the parts have %d samples, the whole has %d; want %d in both, and the same", len(pieced), len(whole), 160*p.ticked)
	}
}

// In a pause nothing is written to a tape, and no recording begins; what was heard meanwhile is written after it. A disk that takes too long
// is told of, and then all goes on.
func TestPauseOfRecordings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := NewDirectory(Config{})
		room := &Room{number: "5234"}
		tape := &reel{}
		rec := newRecording(d)
		rec.room, rec.tape = room, tape
		d.recordings[rec] = struct{}{}
		d.recorders.Add(1)
		rec.start()
		within := func(limit time.Duration) error {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			return d.Pause(ctx)
		}
		if err := within(time.Second); err != nil {
			t.Fatal(err)
		}
		rec.put(make([]int16, 160))
		begun := make(chan error)
		go func() {
			_, err := d.begin("none", nil)
			begun <- err
		}()
		time.Sleep(time.Second)
		select {
		case err := <-begun:
			t.Errorf("a recording begins in the pause: %v", err)
		default:
		}
		if n := len(tape.heard()); n != 0 {
			t.Errorf("%d samples are written in the pause", n)
		}
		d.Resume()
		d.Resume()
		if err := <-begun; !errors.Is(err, ErrNoRoom) {
			t.Error(err)
		}
		time.Sleep(time.Second)
		if n := len(tape.heard()); n != 160 {
			t.Errorf("%d samples are written after the pause, want 160", n)
		}

		tape.slow = 2 * time.Second
		rec.put(make([]int16, 160))
		time.Sleep(recordingPause * 3 / 2) // it is being written
		if err := within(time.Second); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "disk is slow") {
			t.Errorf("while the disk takes 2 s: %v", err)
		}
		rec.put(make([]int16, 160))
		time.Sleep(5 * time.Second)
		if n := len(tape.heard()); n != 480 {
			t.Errorf("%d samples are written, want 480", n)
		}
		rec.put(make([]int16, 160))
		time.Sleep(recordingPause * 3 / 2) // it is being written
		if err := within(3 * time.Second); err != nil || len(tape.heard()) != 640 {
			t.Errorf("%v, %d samples, where a pause waits for what is being written", err, len(tape.heard()))
		}
		d.Close() // also in a pause
		<-rec.Done()
	})
}

// What was put before Flush has been told after it, whoever hears it slowly.
func TestFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		d := NewDirectory(Config{OnEvent: func(e Event) {
			time.Sleep(time.Millisecond)
			told = append(told, e.Call)
		}})
		for n := range 3 {
			d.events.put(Event{Kind: Talking, Call: fmt.Sprint(n)})
		}
		began := time.Now()
		d.Flush()
		if !slices.Equal(told, []string{"0", "1", "2"}) || time.Since(began) > 10*time.Millisecond {
			t.Errorf("told %q after %v", told, time.Since(began))
		}
		d.Flush()
		d.events.put(Event{Kind: Talking, Call: "last"})
		d.Close()
		d.Flush()
		if len(told) != 4 {
			t.Errorf("told %q", told)
		}
	})
}

// An image that cannot be says so, and leaves nothing.
func TestDamagedImages(t *testing.T) {
	s := fullStage(t)
	defer s.ends()
	for _, c := range []struct {
		name   string
		damage func(*Image)
		want   string
	}{
		{"frames that are cut off", func(im *Image) { im.Frames = im.Frames[:len(im.Frames)-1] }, "a tone with frames"},
		{"half of a run", func(im *Image) { im.Tones[0].Frames = im.Tones[0].Frames[1:] }, "a tone of"},
		{"no such frames", func(im *Image) { im.Tones[0].Frames = []int{0, 1 << 40} }, "a tone with frames"},
		{"tone before its beginning", func(im *Image) { im.Tones[0].Begin = -1 }, "a tone of"},
		{"no such tone", func(im *Image) { im.Rooms[0].Members[0].Own.Tone = 99 }, "room 5234: call call-anna: tone 99 of"},
		{"behind the tone", func(im *Image) { im.Rooms[0].Chime.Now.Next = 999 }, "frame 999 of a tone of 10"},
		{"before the tone", func(im *Image) { im.Rooms[0].Chime.Now.Next = 0 }, "frame 0 of a tone of 10"},
		{"loop without a beginning", func(im *Image) { im.Rooms[0].Chime.Now.Loop = true }, "frame 2 of a tone of 10"},
		{"sound without a beginning", func(im *Image) { im.Rooms[0].Words.Waiting[0].Sound.Tone = im.Rooms[0].Chime.Now.Tone }, "a sound without its beginning"},
		{"too many topics", func(im *Image) { im.Rooms[0].Words.Waiting = make([]AnnouncementImage, topics+1) }, "6 announcements about 5 topics"},
		{"no such notices", func(im *Image) { im.Rooms[0].Members[0].Notice.Said = 3 }, "notices 3 of 1"},
		{"no such mate", func(im *Image) { im.Rooms[0].Members[0].Mate = 5 }, "member 5 of 4"},
		{"recording of no room", func(im *Image) { im.Recordings[0].Tape.Room = "1" }, "or no such room"},
		{"two recordings", func(im *Image) { im.Recordings = append(im.Recordings, im.Recordings[0]) }, "two recordings of room 5234"},
		{"too much waits", func(im *Image) { im.Recordings[0].Waiting = make([]byte, 100_000) }, "100000 bytes wait"},
	} {
		im := through(t, s.dir.Save())
		c.damage(im)
		d := stageDirectory(s.engine)
		var tapes []*reel
		found, err := d.Restore(im, func(string) Call { return nil }, func(TapeImage) (Tape, error) {
			tapes = append(tapes, &reel{})
			return tapes[len(tapes)-1], nil
		})
		if found != nil || err == nil || !strings.HasPrefix(err.Error(), "restore the rooms: ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if st := d.Stats(); st != (Stats{}) {
			t.Errorf("%s: %+v is left", c.name, st)
		}
		for _, tape := range tapes {
			if !errors.Is(tape.Close(), fs.ErrClosed) {
				t.Errorf("%s: a tape is open", c.name)
			}
		}
	}
	if _, err := s.dir.Restore(new(Image), nil, nil); err == nil || !strings.Contains(err.Error(), "there are 1 already") {
		t.Errorf("over rooms that there are: %v", err)
	}
}

// How long rooms take from one process to another, when most hear nothing but each other: Save, gob and back, Restore. The legs are media's.
func BenchmarkHandOver(b *testing.B) {
	for _, prompts := range []int{0, 100, 1000} {
		b.Run(fmt.Sprintf("prompts=%d", prompts), func(b *testing.B) { benchmarkHandOver(b, 100, 10, prompts) })
	}
}

func benchmarkHandOver(b *testing.B, rooms, people, prompts int) {
	engine, err := media.New(media.Config{Loops: 2})
	if err != nil {
		b.Fatal(err)
	}
	defer engine.Close()
	if err := engine.Pause(10 * time.Second); err != nil {
		b.Fatal(err)
	}
	d := stageDirectory(engine)
	calls := make(map[string]Call)
	told := &Notices{On: NewSound(noise(1, 24000)), Off: NewSound(noise(2, 16000))}
	words := make([]tone, 100)
	for i := range words {
		words[i] = NewSound(noise(uint64(i), 8000)).tone
	}
	for r := range rooms {
		for range people {
			seat, _, err := d.reserve(fmt.Sprint(1000+r), engine.Loop(), false)
			if err != nil {
				b.Fatal(err)
			}
			c := &call{id: fmt.Sprintf("%d-a84b4c76e66710@192.0.2.1", len(calls)), leg: media.NewLeg(media.LegConfig{}, &wire{})}
			c.leg.Update(media.Session{Codec: codec.PCMA, PayloadType: 8})
			calls[c.id] = c
			p := seat.Wait(c)
			seat.room.admit(p)
			d.enters(seat)
			seat.room.enter(p)
			p.notice.said = told
			if n := len(calls); n <= prompts { // four words each, of which he has heard the first
				p.own = of(NewSound(slices.Concat(words[n%100], words[n/10%100], words[n%30], words[n%7])...))
				p.own.next = 50 + n%9
			}
		}
	}
	var save, wire, restore time.Duration
	bytes := 0
	for b.Loop() {
		began := time.Now()
		im := d.Save()
		save += time.Since(began)
		began = time.Now()
		im, bytes = newParcels().send(b, im)
		wire += time.Since(began)
		for _, r := range d.rooms { // not measured: it is the other process's
			for _, p := range r.members {
				r.loop.Detach(p.leg)
			}
			r.loop.Remove(r)
		}
		n := stageDirectory(engine)
		began = time.Now()
		found, err := n.Restore(im, func(id string) Call { return calls[id] }, nil)
		restore += time.Since(began)
		if err != nil || len(found) != len(calls) {
			b.Fatal(err, len(found))
		}
		d = n
	}
	for what, d := range map[string]time.Duration{"ms-save/op": save, "ms-gob/op": wire, "ms-restore/op": restore} {
		b.ReportMetric(float64(d.Microseconds())/1000/float64(b.N), what)
	}
	b.ReportMetric(float64(bytes), "bytes")
}

// Somebody has moved the file of a recording away: the recording ends, and nobody is hung up for that.
func TestRecordingWithoutItsFile(t *testing.T) {
	s := fullStage(t)
	defer s.ends()
	im := through(t, s.dir.Save())
	d := stageDirectory(s.engine)
	tried := 0
	_, err := d.Restore(im, func(string) Call { return nil }, func(TapeImage) (Tape, error) {
		tried++
		return nil, errors.New("no such file")
	})
	if err != nil || tried != len(im.Recordings) || tried == 0 {
		t.Errorf("%v, after %d of %d files were tried", err, tried, len(im.Recordings))
	}
	d.Resume()
	if st := d.Stats(); st.Recordings != 0 || d.Recording(im.Rooms[0].Number) != nil {
		t.Errorf("%+v, and the room is recorded: %v", st, d.Recording(im.Rooms[0].Number) != nil)
	}
}
