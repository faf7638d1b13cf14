package prompts

import (
	"testing"
	"time"
)

func TestSay(t *testing.T) {
	s := shippedSet(t)
	for _, tt := range []struct {
		name  string
		parts []Part
		want  string
	}{
		{"nothing", nil, ""},
		{"a prompt", []Part{Busy}, "busy"},
		{"two", []Part{Busy, Goodbye}, "busy ~3 goodbye"},
		{"digits", []Part{Digits("5234")}, "5 ~5 2 ~5 3 ~5 4"},
		{"keys", []Part{Digits("*#"), MenuDrop}, "star ~5 pound ~3 menu-drop"},
		{"a number as it is written", []Part{Digits("+7 (495) 77")}, "plus ~5 7 ~5 4 ~5 9 ~5 5 ~5 7 ~5 7"},
		{"a name", []Part{Digits("alice"), Digits("sip:"), Busy}, "busy"},
		{"a pause instead of the gap", []Part{Busy, Pause(200 * time.Millisecond), Busy}, "busy ~10 busy"},
		{"a pause first and last", []Part{Pause(40 * time.Millisecond), Busy, Pause(40 * time.Millisecond)}, "~2 busy ~2"},
		{"two pauses", []Part{Busy, Pause(40 * time.Millisecond), Pause(60 * time.Millisecond), Busy}, "busy ~5 busy"},
		{"a pause of no length", []Part{Busy, Pause(-time.Second), Busy}, "busy busy"},
		{"no such prompt", []Part{Busy, Name("busi"), Goodbye}, "busy ~3 goodbye"},
		{"only that", []Part{Name("busi")}, ""},
		{"a phrase in a phrase", []Part{Phrase{Phrase{Busy}, Phrase(nil), AsideWith("bob")}, Goodbye}, "busy ~3 goodbye"},
		{"a count", []Part{InConference, Participants(22)}, "in-conference ~3 20 ~1 2 ~3 participant-many"},
	} {
		if got := heard(t, s, English, s.Say(English, tt.parts...)); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestDigitsAreAllSaid(t *testing.T) {
	for lang, want := range map[string]string{
		English: "one two three four five six seven eight nine zero star pound plus",
		Russian: "один два три четыре пять шесть семь восемь девять ноль звёздочка решётка плюс",
	} {
		if got := spelt(lang, Digits("1234567890*#+")); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Whatever is said, the frames are those of the recordings and of one silence: nothing is copied for a listener.
func TestWhatIsSaidIsShared(t *testing.T) {
	s := shippedSet(t)
	parts := []Part{GroupResult(5, 7, []Absent{{"5234", Busy}, {"5235", NoAnswer}})}
	first, second := s.Say("ru", parts...), s.Say("ru-RU", parts...)
	if len(first) < 200 || len(first) != len(second) || cap(first) != len(first) && cap(first) > len(first)+50 {
		t.Fatalf("%d and %d frames, room for %d", len(first), len(second), cap(first))
	}
	for i := range first {
		if len(first[i]) != frameSize || cap(first[i]) > len(silence) || &first[i][0] != &second[i][0] {
			t.Fatalf("frame %d has %d samples, or is a copy", i, len(first[i]))
		}
	}
	if n := testing.AllocsPerRun(10, func() { s.Clip("ru", Busy) }); n > 0 {
		t.Errorf("Clip allocates %v times", n)
	}
}

func TestLanguagesFallBack(t *testing.T) {
	s := shippedSet(t)
	for tag, want := range map[string]string{
		"ru": Russian, "RU": Russian, "ru-RU": Russian, "en": English, "en-GB": English,
		"": English, "de": English, "rus": English, "-ru": English,
	} {
		if got := s.Clip(tag, Busy); &got[0] != &s.Clip(want, Busy)[0] {
			t.Errorf("%q does not speak %s", tag, want)
		}
	}
	if got := s.Clip("ru", "busi"); got != nil {
		t.Errorf("there is a prompt that there is not, of %d samples", len(got))
	}
}
