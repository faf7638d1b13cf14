package attendant

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var nine = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// told plays events of a room, such as "1.5s +202", "9s -202" and "4s 202=203", and returns what it is told, such as "2s +202 +203 -204".
// A call is named like the number that it comes with, or 202/b for another one with the same number. What is announced takes so long.
func told(t *testing.T, length time.Duration, events string) (said []string) {
	t.Helper()
	var c comings
	tell := func(until time.Time) {
		for !c.Due.IsZero() && !c.Due.After(until) {
			now := c.Due
			if tidings, ok := c.tell(now); ok {
				said = append(said, now.Sub(nine).String()+" "+tidings.String())
				c.spoke(now, length)
			}
		}
	}
	for _, event := range strings.Split(events, ", ") {
		at, what, _ := strings.Cut(event, " ")
		after, err := time.ParseDuration(at)
		if err != nil {
			t.Fatal(err)
		}
		now := nine.Add(after)
		tell(now)
		number, _, _ := strings.Cut(what[1:], "/")
		switch old, renamed, is := strings.Cut(what, "="); {
		case is:
			c.rename(old, renamed)
		case what[0] == '+':
			c.join(now, what[1:], number)
		default:
			c.leave(now, what[1:])
		}
	}
	tell(nine.Add(time.Hour))
	return said
}

func (t tidings) String() string {
	var all []string
	for _, number := range t.joined {
		all = append(all, "+"+number)
	}
	for _, number := range t.left {
		all = append(all, "-"+number)
	}
	return strings.Join(all, " ")
}

func TestComings(t *testing.T) {
	for _, c := range []struct{ what, events, said string }{
		{"the first is alone, and nobody is told", "0s +201", ""},
		{"the second is told of", "0s +201, 10s +202", "12s +202"},
		{"several in the window are one", "0s +201, 10s +202, 11s +203, 11.9s +204, 13s +205", "12s +202 +203 +204, 17s +205"},
		{"who comes and goes in the window is not told of", "0s +201, 10s +202, 11.9s -202", ""},
		{"nor who does while the room has peace", "0s +201, 10s +202, 12.5s +203, 16.9s -203, 30s -202", "12s +202, 32s -202"},
		{"but others are, two seconds after the first of them", "0s +201, 10s +202, 11s -202, 11.5s +203", "13.5s +203"},
		{"who is back before the room knows that he was gone was not gone", "0s +201, 1s +202, 10s -202, 11s +202/b, 20s -202/b", "3s +202, 22s -202"},
		{"of two with one number one is gone", "0s +201, 1s +202, 1s +202/b, 10s -202, 20s -202/b", "3s +202 +202, 12s -202, 22s -202"},
		{"who is alone again is told that", "0s +201, 1s +202, 20s -202", "3s +202, 22s -202"},
		{"who is left alone with nobody who knows him is not told of himself", "0s +201, 1s +202, 1.5s -201", ""},
		{"an empty room forgets", "0s +201, 10s +202, 13s -201, 13s -202, 14s +203, 20s +204", "12s +202, 22s +204"},
		{"one comes and one goes", "0s +201, 1s +202, 10s +203, 11s -202", "3s +202, 12s +203 -202"},
		{"a transfer changes who he is", "0s +201, 10s +202, 11s 202=300, 20s -202", "12s +300, 22s -300"},
		{"the journal lost that he came, or that he went", "0s +201, 1s -999, 2s -201, 2s -201, 3s +201, 3s +201", ""},
	} {
		if got := strings.Join(told(t, time.Second, c.events), ", "); got != c.said {
			t.Errorf("%s: %s\ntold %q\nwant %q", c.what, c.events, got, c.said)
		}
	}
}

// A long announcement is spoken to its end, and two seconds more are the room's; what happens meanwhile is told at once then.
func TestComingsDuringAnAnnouncement(t *testing.T) {
	got := told(t, 4500*time.Millisecond, "0s +201, 10s +202, 12.5s +203, 14s +204, 18s +205, 18s -202, 18.4s -205, 19s +206")
	if want := []string{"12s +202", "18.5s +203 +204 -202", "25s +206"}; !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
}

// Somebody comes while the words are being found: he is told of after them, and not under them.
func TestComingsWhileTheWordsAreFound(t *testing.T) {
	var c comings
	c.join(nine, "a", "201")
	c.join(nine, "b", "202")
	now := nine.Add(gather)
	c.tell(now)
	c.join(now, "c", "203")
	c.spoke(now, 4*time.Second)
	if want := now.Add(4*time.Second + peace); !c.Due.Equal(want) {
		t.Errorf("due at %s, want %s", c.Due, want)
	}
}

// Whatever happens: announcements are apart, nothing is late, nobody is told of who came and went unnoticed, and in the end the room has been
// told how it is.
func TestComingsKeepTheirRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c comings
		now, begun, ended := nine, nine.Add(-time.Hour), nine.Add(-time.Hour)
		knows := map[string]int{} // how many there are of each number, as the room was told
		changed := time.Time{}    // since when that is not so
		tell := func(until time.Time) {
			for !c.Due.IsZero() && !c.Due.After(until) {
				at, before := c.Due, slices.Clone(c.Here)
				tidings, ok := c.tell(at)
				if late := at.Sub(changed); late > max(gather, apart, longest+peace) {
					t.Fatalf("%s late", late)
				}
				changed = time.Time{}
				for _, n := range tidings.joined {
					knows[n]++
				}
				for _, n := range tidings.left {
					if knows[n]--; knows[n] < 0 {
						t.Fatalf("told that %s has left, whom nobody knew", n)
					}
				}
				if !ok {
					if len(before) != len(tidings.except) {
						t.Fatalf("nobody is told, of %v", before)
					}
					clear(knows)
					for _, p := range before {
						knows[p.Number]++
					}
					continue
				}
				if at.Sub(begun) < apart || at.Before(ended.Add(peace)) {
					t.Fatalf("told at %s, after it was told from %s to %s", at, begun, ended)
				}
				if len(tidings.joined)+len(tidings.left) == 0 {
					t.Fatal("told nothing")
				}
				length := time.Duration(rapid.Int64Range(0, int64(longest)).Draw(t, "length"))
				begun, ended = at, at.Add(length)
				c.spoke(at, length)
			}
		}
		var here []person
		wanted := func() map[string]int {
			all := map[string]int{}
			for _, p := range here {
				all[p.Number]++
			}
			return all
		}
		same := func() bool {
			for n, count := range wanted() {
				if knows[n] != count {
					return false
				}
			}
			for n, count := range knows {
				if wanted()[n] != count {
					return false
				}
			}
			return true
		}
		for i := range rapid.IntRange(1, 60).Draw(t, "events") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(4*time.Second)).Draw(t, "pause")))
			tell(now)
			if rapid.Bool().Draw(t, "joins") || len(here) == 0 {
				p := person{Call: fmt.Sprint("call", i), Number: rapid.SampledFrom([]string{"201", "202", "203", "204"}).Draw(t, "number")}
				here = append(here, p)
				c.join(now, p.Call, p.Number)
				if len(here) == 1 {
					knows = wanted() // nobody is there to be told
				}
			} else {
				k := rapid.IntRange(0, len(here)-1).Draw(t, "who")
				c.leave(now, here[k].Call)
				here = slices.Delete(here, k, k+1)
				if len(here) == 0 {
					clear(knows)
				}
			}
			if same() {
				changed = time.Time{}
			} else if changed.IsZero() {
				changed = now
			}
			if same() != c.Due.IsZero() {
				t.Fatalf("the room knows %v and has %v, and is told at %s", knows, wanted(), c.Due)
			}
		}
		tell(now.Add(time.Hour))
		if !same() {
			t.Fatalf("told %v, and there are %v", knows, wanted())
		}
	})
}
