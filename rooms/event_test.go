package rooms

import (
	"slices"
	"testing"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media"
)

// expect fails unless exactly that has happened since the last question.
func (s *scene) expect(want ...string) {
	s.Helper()
	if got := s.happened(); !slices.Equal(got, want) {
		s.Errorf("happened: %q, want %q", got, want)
	}
}

func TestTalkingIsToldAndEndsWithLeaving(t *testing.T) {
	room := newQuietScene(t)
	alice, bob := room.joins("alice", codec.PCMA), room.joins("bob", codec.PCMU)
	room.expect("joined call-alice", "joined call-bob")
	alice.speaks(400, 6000)
	bob.listens()
	room.ticks(settle)
	room.expect("talking call-alice")
	alice.listens()
	room.ticks(settle + quietTicks)
	room.expect("quiet call-alice")

	bob.speaks(1000, 6000)
	room.ticks(settle)
	room.expect("talking call-bob")
	bob.p.flags.muted = true
	room.ticks(1)
	room.expect("quiet call-bob")
	bob.p.flags.muted = false
	room.ticks(settle)
	room.expect("talking call-bob")
	bob.renegotiates(func(s *media.Session) { s.Held = true })
	room.ticks(2)
	room.expect("quiet call-bob")
	bob.renegotiates(func(s *media.Session) { s.Held = false })
	room.ticks(settle)
	room.expect("talking call-bob")
	bob.leaves("hung up")
	room.expect("quiet call-bob", "left call-bob hung up")
}

func TestKeysAreTold(t *testing.T) {
	room := newQuietScene(t)
	alice := room.joins("alice", codec.PCMA)
	room.joins("bob", codec.PCMU)
	room.ticks(2)
	room.happened()
	for _, key := range "12#" {
		alice.leg.Press(byte(key))
		room.ticks(2)
	}
	room.expect("digit pressed call-alice 1", "digit pressed call-alice 2", "digit pressed call-alice #")
	if got := alice.p.keys.last(); got != "12#" || alice.p.keys.count != 3 {
		t.Errorf("keys %q, %d in all", got, alice.p.keys.count)
	}
}

func TestKeysKeepTheLastSixteen(t *testing.T) {
	var k keys
	if k.last() != "" {
		t.Errorf("no keys: %q", k.last())
	}
	for i := range 36 {
		k.press("0123456789ABCD*#"[i%16])
	}
	if got := k.last(); got != "456789ABCD*#0123" || k.count != 36 {
		t.Errorf("keys %q, %d in all", got, k.count)
	}
}
