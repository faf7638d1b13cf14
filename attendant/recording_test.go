package attendant

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/media"
	"github.com/sipconf/sipconf/prompts"
	"github.com/sipconf/sipconf/prompts/sound"
	"github.com/sipconf/sipconf/rooms"
)

// diary is a log that may be read while it is written.
type diary struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (d *diary) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.b.Write(p)
}

func (d *diary) says(parts ...string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for line := range strings.Lines(d.b.String()) {
		if !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(line, part) }) {
			return true
		}
	}
	return false
}

// The boss presses **4, and again some time later; somebody who is no host cannot. On the tape is what was said to all: first of all that
// it runs.
func TestRecording(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "5234.wav")
	log := new(diary)
	h := newHouse(t, func(c *Config) {
		c.Tape = func(room string) (rooms.Tape, error) { return sound.CreateTape(file, prompts.Rate) }
		c.Log = slog.New(slog.NewTextHandler(log, nil))
	})
	ann, boss := h.comes("101", "5234", ""), h.comes("boss", "5234", "")
	ann.presses("**4")
	boss.presses("**4")
	h.await("it is recorded", func() bool { return h.rooms.Recording("5234") != nil })
	rec := h.rooms.Recording("5234")
	words := slices.Concat(h.office.cfg.Prompts.Say(prompts.English, prompts.RecordingOn)...)
	h.await("the words are on the tape", func() bool { return rec.State().Samples > int64(len(words))+8000 })
	h.await("the log names the file and who", func() bool { return log.says("records the room", file, "number=boss", "room=5234") })
	boss.presses("**4")
	<-rec.Done()
	h.await("the log says that it has ended", func() bool { return log.says("ends the recording", file, "number=boss") })
	if h.rooms.Recording("5234") != nil || log.says("number=101", "record") {
		t.Error("it goes on, or Ann has begun it")
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	tape, err := sound.Parse(b)
	if err != nil || !contains(tape.Samples, words) {
		t.Errorf("%v; the words are not in the %d samples", err, len(tape.Samples))
	}
}

// contains says whether a part is somewhere in the whole, from the border of a frame on.
func contains(whole, part []int16) bool {
	for ; len(whole) >= len(part); whole = whole[160:] {
		if slices.Equal(whole[:len(part)], part) {
			return true
		}
	}
	return false
}

// Where there is no folder, or it cannot be written to, he who asked hears that, and the log says why.
func TestRecordingIsNotPossible(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		tape func(string) (rooms.Tape, error)
		log  []string
	}{
		"no folder":     {nil, []string{"level=INFO", "nobody records here", "number=boss"}},
		"no permission": {func(string) (rooms.Tape, error) { return nil, errors.New("permission denied") }, []string{"level=WARN", "cannot be recorded", "number=boss", "permission denied"}},
	} {
		t.Run(name, func(t *testing.T) {
			log := new(diary)
			h := newHouse(t, func(cfg *Config) { cfg.Tape, cfg.Log = c.tape, slog.New(slog.NewTextHandler(log, nil)) })
			ann, boss := h.comes("101", "5234", ""), h.comes("boss", "5234", "")
			annHears, bossHears := h.listens(ann), h.listens(boss)
			boss.presses("**4")
			bossHears.hears(prompts.NoRecording)
			h.await("the log says why", func() bool { return log.says(c.log...) })
			if h.rooms.Recording("5234") != nil || h.rooms.Stats().Recordings != 0 {
				t.Error("it is recorded")
			}
			if n := annHears.heard(prompts.NoRecording) + annHears.heard(prompts.RecordingOn); n > 0 {
				t.Error("Ann hears of it")
			}
		})
	}
}

// ear is what somebody hears, as it comes to his phone.
type ear struct {
	h      *house
	name   string
	socket *net.UDPConn
	leg    net.Addr // at our end
	mu     sync.Mutex
	law    []byte
}

// listens gives a call a phone.
func (h *house) listens(c *call) *ear {
	h.Helper()
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		h.Fatal(err)
	}
	e := &ear{h: h, name: c.number, socket: socket, leg: net.UDPAddrFromAddrPort(c.leg.LocalAddr())}
	c.leg.Update(media.Session{Codec: codec.PCMA, PayloadType: 8, Remote: socket.LocalAddr().(*net.UDPAddr).AddrPort()})
	h.Cleanup(func() { socket.Close() })
	go func() { // ends with the socket
		for packet := make([]byte, 1500); ; {
			n, err := socket.Read(packet)
			if err != nil {
				return
			}
			e.mu.Lock()
			e.law = append(e.law, packet[12:n]...)
			e.mu.Unlock()
		}
	}()
	return e
}

// heard says how often he has heard these words, with nothing else.
func (e *ear) heard(name prompts.Name) int { return e.heardIn(prompts.English, name) }

func (e *ear) heardIn(lang string, name prompts.Name) int {
	return e.heardWords(slices.Concat(e.h.office.cfg.Prompts.Say(lang, name)...))
}

func (e *ear) heardWords(words []int16) int {
	law := make([]byte, len(words))
	codec.PCMA.Encode(law, words)
	e.mu.Lock()
	defer e.mu.Unlock()
	return bytes.Count(e.law, law)
}

func (e *ear) hears(name prompts.Name) {
	e.h.Helper()
	e.h.await(e.name+" hears "+string(name), func() bool { return e.heard(name) == 1 })
}

// All hear that it is recorded, and that it is no more; who comes in between is told when he comes. The tape ends with the room.
func TestAllAreToldOfTheRecording(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "5234.wav")
	h := newHouse(t, func(c *Config) {
		c.Tape = func(room string) (rooms.Tape, error) { return sound.CreateTape(file, prompts.Rate) }
	})
	ann, boss := h.comes("101", "5234", ""), h.comes("boss", "5234", "")
	annHears, bossHears := h.listens(ann), h.listens(boss)
	boss.presses("**4")
	annHears.hears(prompts.RecordingOn)
	bossHears.hears(prompts.RecordingOn)
	bob := h.newCall("102")
	bobHears := h.listens(bob)
	h.enters(bob, "5234", "")
	bobHears.hears(prompts.RecordingOn)
	rec := h.rooms.Recording("5234")
	boss.presses("**4")
	for _, e := range []*ear{annHears, bossHears, bobHears} {
		e.hears(prompts.RecordingOff)
		if n := e.heard(prompts.RecordingOn); n != 1 {
			t.Errorf("%s was told %d times", e.name, n)
		}
	}
	<-rec.Done()

	file += ".2"
	boss.presses("**4")
	h.await("it is recorded again", func() bool { return h.rooms.Recording("5234") != nil })
	rec = h.rooms.Recording("5234")
	for _, c := range []*call{ann, bob, boss} {
		c.Hangup("goes")
	}
	<-rec.Done()
}

// Ann is dialling when it begins and is told when she is back; Bob comes in and presses a key at once, whose answer waits until he has been
// told; and Carl, whom Ann then brings in, is told as well.
func TestNobodyIsRecordedWithoutBeingTold(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "5234.wav")
	h := newHouse(t, func(c *Config) {
		c.Tape = func(room string) (rooms.Tape, error) { return sound.CreateTape(file, prompts.Rate) }
		c.First = time.Hour
	})
	carl := h.newCall("103")
	h.answering(dialout.Straight, carl)
	ann, boss := h.comes("101", "5234", ""), h.comes("boss", "5234", "")
	annHears, bossHears, carlHears := h.listens(ann), h.listens(boss), h.listens(carl)
	ann.presses("*1")
	h.wantInside("5234", "-101", "boss")
	boss.presses("**4")
	bossHears.hears(prompts.RecordingOn)
	if n := annHears.heard(prompts.RecordingOn); n > 0 {
		t.Errorf("she was told %d times, while she was out of the talk", n)
	}
	ann.presses("*")
	annHears.hears(prompts.RecordingOn)

	bob := h.newCall("102")
	bobHears := h.listens(bob)
	h.enters(bob, "5234", "")
	bob.presses("*2")
	h.wantInside("5234", "101", "boss", "102!")
	bobHears.hears(prompts.Muted)
	bobHears.hears(prompts.RecordingOn)
	ann.presses("*1103#")
	h.wantInside("5234", "101", "boss", "102!", "103")
	carlHears.hears(prompts.RecordingOn)
	annHears.hears(prompts.RecordingOn) // still once
}
