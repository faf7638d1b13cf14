package attendant

import (
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/dialout/links"
	"github.com/sipconf/sipconf/prompts"
	"github.com/sipconf/sipconf/rooms"
	"pgregory.net/rapid"
)

// lineSigns are how news are written in these tests: connected and lost.
var lineSigns = map[string]links.News{"+": links.Connected, "-": links.Lost}

func lineSign(news links.News) string {
	if news == links.Connected {
		return "+"
	}
	return "-"
}

func TestBulletin(t *testing.T) {
	for _, c := range []struct{ what, news, told string }{
		{"the first is told at once", "0s +", "0s +"},
		{"and so is a line that cannot be had at all", "0s -, 3s -, 20s -", "0s -"},
		{"what follows soon waits for the rest to be over", "0s +, 3s -", "0s +, 10s -"},
		{"what follows late does not", "0s +, 1h -, 1h10s +", "0s +, 1h0m0s -, 1h0m10s +"},
		{"a line that is back before it is told that it was lost was not lost", "0s +, 3s -, 9.9s +, 30s -", "0s +, 30s -"},
		{"one that is lost again within the rest is still lost", "0s +, 20s -, 22s +, 25s -, 40s +", "0s +, 20s -, 40s +"},
		{"of many changes the last counts", "0s +, 20s -, 21s +, 22s -, 23s +", "0s +, 20s -, 30s +"},
		{"several lines are told of in the same words, once", "0s +, 0s +, 1s +, 20s -, 21s -, 35s +, 36s +", "0s +, 20s -, 35s +"},
		{"at the end of the rest", "0s +, 10s -, 20s +", "0s +, 10s -, 20s +"},
	} {
		var b bulletin
		var told []string
		tell := func(until time.Time) {
			for !b.Due.IsZero() && !b.Due.After(until) {
				now := b.Due
				if news, ok := b.tell(now); ok {
					told = append(told, now.Sub(nine).String()+" "+lineSign(news))
				}
			}
		}
		for _, news := range strings.Split(c.news, ", ") {
			at, sign, _ := strings.Cut(news, " ")
			after, err := time.ParseDuration(at)
			if err != nil {
				t.Fatal(err)
			}
			tell(nine.Add(after - 1)) // at the same moment the news comes first
			b.hear(nine.Add(after), lineSigns[sign])
			tell(nine.Add(after))
		}
		tell(nine.Add(24 * time.Hour))
		if got := strings.Join(told, ", "); got != c.told {
			t.Errorf("%s: %s\ntold %q\nwant %q", c.what, c.news, got, c.told)
		}
	}
}

// Whatever happens to the lines: announcements are a rest apart, never the same twice, never later than a rest, and in the end the
// conference knows how things are.
func TestBulletinKeepsItsRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b bulletin
		var knows links.News
		now, last, told := nine, nine.Add(-time.Hour), false
		wrong := time.Time{} // since when it knows something else
		tell := func(until time.Time) {
			for !b.Due.IsZero() && !b.Due.After(until) {
				at := b.Due
				news, ok := b.tell(at)
				if !ok || told && news == knows || at.Sub(last) < rest || at.Sub(wrong) > rest {
					t.Fatalf("told %v (%v) at %s, last %v at %s, wrong since %s", news, ok, at, knows, last, wrong)
				}
				knows, last, told, wrong = news, at, true, time.Time{}
			}
		}
		for range rapid.IntRange(1, 50).Draw(t, "changes") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(2*rest)).Draw(t, "pause")))
			tell(now)
			news := rapid.SampledFrom([]links.News{links.Connected, links.Lost}).Draw(t, "news")
			b.hear(now, news)
			switch {
			case told && news == knows:
				wrong = time.Time{}
			case wrong.IsZero():
				wrong = now
			}
		}
		is := b.Now
		tell(now.Add(time.Hour))
		if !told || knows != is {
			t.Fatalf("it knows %v, and it is %v", knows, is)
		}
	})
}

// The crier in fake time: each conference has its own bulletin; one that is over, or that nobody knows, is told nothing; and after
// the end nobody is. News of lines and of people do not wait for each other.
func TestCrierTellsOfLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var said []string
		says := func(room, what string) { said = append(said, time.Since(began).String()+" "+room+": "+what) }
		over := dialout.Room{Number: "3", Incarnation: 9}
		c := newCrier(new(Office).worker(crying, nil), func(room string, told tidings) time.Duration {
			says(room, told.String())
			return time.Second
		}, func(room dialout.Room, news links.News) bool {
			says(room.Number, lineSign(news))
			return room != over
		}, func(r any) { t.Error(r) })
		at := func(after time.Duration) { time.Sleep(after - time.Since(began)) } // fake time
		one, two := dialout.Room{Number: "1", Incarnation: 1}, dialout.Room{Number: "2", Incarnation: 2}
		c.hear(rooms.Event{Kind: rooms.Joined, Room: "1", Call: "a", Number: "201"})
		c.hearLine(one, links.Connected)
		synctest.Wait()
		at(time.Second)
		c.hearLine(two, links.Connected)
		c.hear(rooms.Event{Kind: rooms.Joined, Room: "1", Call: "b", Number: "202"})
		at(2 * time.Second)
		c.hearLine(one, links.Lost)
		c.hearLine(two, links.Lost)
		at(3 * time.Second)
		c.hearLine(two, links.Connected) // so there is nothing to tell
		at(4 * time.Second)
		c.hearLine(over, links.Lost)
		at(15 * time.Second)
		c.hearLine(one, links.Connected)
		c.forgetLines(one)
		at(16 * time.Second)
		c.hearLine(dialout.Room{Number: "1", Incarnation: 3}, links.Connected) // the next conference there
		at(30 * time.Second)
		c.mu.Lock()
		if len(c.lines) != 2 {
			t.Errorf("it knows of the lines of %d conferences, want 2", len(c.lines))
		}
		c.mu.Unlock()
		c.close()
		c.hearLine(two, links.Lost)
		at(time.Minute)
		want := []string{"0s 1: +", "1s 2: +", "3s 1: +202", "4s 3: -", "10s 1: -", "16s 1: +"}
		if !slices.Equal(said, want) {
			t.Errorf("told\n%q, want\n%q", said, want)
		}
	})
}

// heardSoftly says how often somebody has heard what a room is told of its lines, and nothing else.
func (e *ear) heardSoftly(lang string, name prompts.Name) int {
	return e.heardWords(softly(e.h.office.cfg.Prompts.Say(lang, name)))
}

func (e *ear) hearsSoftly(lang string, name prompts.Name) {
	e.h.Helper()
	e.h.await(e.name+" hears "+string(name), func() bool { return e.heardSoftly(lang, name) == 1 })
}

// Those in the room hear it, each room in its language, and the far side of a link hears nothing; the next conference under the number is not
// told of the lines of the one before.
func TestTheRoomIsToldOfItsLine(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *Config) {
		c.Language = func(room, number string) string {
			if room == "5235" {
				return prompts.Russian
			}
			return prompts.English
		}
	})
	ann, bob, russian := h.comes("101", "5234", ""), h.comes("102", "5234", ""), h.comes("103", "5235", "")
	first := h.conference("5234")
	far := h.links("84957776675", "5234")
	h.wantInside("5234", "101", "102", "84957776675")
	annHears, bobHears, russianHears, farHears := h.listens(ann), h.listens(bob), h.listens(russian), h.listens(far)
	h.office.TellLine(first, links.Connected)
	h.office.TellLine(h.conference("5235"), links.Lost)
	annHears.hearsSoftly(prompts.English, prompts.LineConnected)
	bobHears.hearsSoftly(prompts.English, prompts.LineConnected)
	russianHears.hearsSoftly(prompts.Russian, prompts.LineLost)
	if n := farHears.heardSoftly(prompts.English, prompts.LineConnected); n > 0 {
		t.Errorf("the far side was told %d times", n)
	}
	if n := annHears.heard(prompts.LineConnected); n > 0 {
		t.Errorf("Ann was told %d times, and not softly", n)
	}
	for _, c := range []*call{ann, bob, far} {
		c.Hangup("goes")
	}
	h.wantSeats(1) // the Russian's
	carl := h.comes("104", "5234", "")
	carlHears := h.listens(carl)
	h.office.TellLine(first, links.Lost)                     // late
	h.office.TellLine(h.conference("5234"), links.Connected) // and so soon after the first conference's
	carlHears.hearsSoftly(prompts.English, prompts.LineConnected)
	if n := carlHears.heardSoftly(prompts.English, prompts.LineLost); n > 0 {
		t.Error("he was told of another conference's line")
	}
}

// A quarter of the amplitude is 12 dB less, and the recordings stay what they are.
func TestSoftly(t *testing.T) {
	loud := [][]int16{{0, 1000, -1000}, {32767, -32768, 1}}
	if got, want := softly(loud), []int16{0, 251, -251, 8231, -8231, 0}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if loud[1][0] != 32767 {
		t.Error("the recording was changed")
	}
	if dB := 20 * math.Log10(251.0/1000); math.Abs(dB-softer) > 0.1 {
		t.Error(dB)
	}
}
