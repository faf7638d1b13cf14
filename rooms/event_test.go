package rooms

import (
	"bytes"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

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
	room.expect("quiet call-bob", "standing has changed call-bob")
	bob.p.flags.muted = false
	room.ticks(settle)
	room.expect("standing has changed call-bob", "talking call-bob")
	bob.renegotiates(func(s *media.Session) { s.Held = true })
	room.ticks(2)
	room.expect("quiet call-bob", "standing has changed call-bob")
	bob.renegotiates(func(s *media.Session) { s.Held = false })
	room.ticks(settle)
	room.expect("standing has changed call-bob", "talking call-bob")
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

// TestStandingIsTold: whatever others can see of how somebody is there, once, when it changes; and nothing of who is in the ante-room.
func TestStandingIsTold(t *testing.T) {
	room := newQuietScene(t)
	alice, bob := room.joins("alice", codec.PCMA), room.joins("bob", codec.PCMU)
	room.ticks(2)
	room.happened()
	for _, change := range []func(){
		func() { bob.p.flags.muted = true },
		func() { bob.p.flags.silenced = true }, // and nothing changes in what he may do
		func() { bob.p.flags.muted = false },
		func() { bob.p.flags.silenced, bob.p.flags.aside = false, true },
		func() { bob.p.flags.aside = false; bob.renegotiates(func(s *media.Session) { s.Held = true }) },
		func() { bob.renegotiates(func(s *media.Session) { s.Held = false }) },
	} {
		change()
		room.ticks(2)
		room.expect("standing has changed call-bob")
		room.ticks(2)
		room.expect()
	}
	alice.p.phase = waiting
	alice.p.flags.muted = true
	room.ticks(2)
	room.expect()
}

// TestWhoIsNotHeardIsToldOnce: after 5 s in which his sound could have come, with what came instead.
func TestWhoIsNotHeardIsToldOnce(t *testing.T) {
	room := newQuietScene(t)
	alice, bob, carol, dave, erin := room.joins("alice", codec.PCMA), room.joins("bob", codec.PCMU),
		room.joins("carol", codec.PCMA), room.joins("dave", codec.PCMA), room.joins("erin", codec.PCMA)
	bob.listens() // muted: his packets come
	carol.renegotiates(func(s *media.Session) { s.Held = true })
	dave.renegotiates(func(s *media.Session) { s.Listens = true })
	erin.sendPacket(96, 0, make([]byte, 160))
	room.happened()
	room.ticks(patience - 1)
	room.expect("standing has changed call-carol")
	room.ticks(1)
	var told []Event
	for e, ok := room.events.take(); ok; e, ok = room.events.take() {
		told = append(told, e)
	}
	if len(told) != 2 || told[0].Kind != Unheard || told[0].Call != "call-alice" || told[1].Call != "call-erin" {
		t.Fatalf("told: %+v, want that alice and erin are not heard", told)
	}
	if told[0].Remote != alice.wire.from || told[0].Duration != 5*time.Second || told[1].Stats.UnknownType != 1 {
		t.Errorf("told: %+v", told)
	}
	room.ticks(3 * patience)
	room.expect()

	carol.renegotiates(func(s *media.Session) { s.Held = false })
	room.ticks(patience)
	room.expect("standing has changed call-carol", "no sound comes from the caller call-carol")
	room.ticks(patience)
	room.expect()
}

// TestTheLogSaysWhyNobodyIsHeard: what an operator reads who looks for one-way sound.
func TestTheLogSaysWhyNobodyIsHeard(t *testing.T) {
	stats := media.LegStats{PacketsIn: 11, PacketsOut: 12, Lost: 13, Concealed: 140 * time.Millisecond, Strangers: 15, UnknownType: 16,
		Jitter: 1750 * time.Microsecond, RoundTrip: 18*time.Millisecond + 1234*time.Nanosecond, PeerLost: 19}
	remote := netip.MustParseAddrPort("192.0.2.7:4000")
	unheard := Event{Kind: Unheard, Room: "5234", Call: "c1", Name: "Anna", Number: "101", Duration: 5 * time.Second, Remote: remote}
	elsewhere, otherwise := unheard, unheard
	elsewhere.Stats.Strangers, otherwise.Stats.UnknownType = 250, 250
	for _, c := range []struct {
		event Event
		want  string
	}{
		{Event{Kind: Left, Room: "5234", Call: "c1", Reason: "hung up", Duration: time.Minute, Stats: stats},
			`level=INFO msg=left room=5234 call=c1 reason="hung up" duration=1m0s in=11 out=12 lost=13 concealed=140ms ` +
				`jitter=1.75ms rtt=18ms peer_lost=19 strangers=15 unknown_type=16`},
		{unheard, `level=WARN msg="no sound comes from the caller" room=5234 call=c1 name=Anna number=101 for=5s ` +
			`remote=192.0.2.7:4000 strangers=0 unknown_type=0 hint="a firewall between him and media.ports`},
		{elsewhere, `strangers=250 unknown_type=0 hint="RTP comes from another address than his SDP says`},
		{otherwise, `strangers=0 unknown_type=250 hint="his packets have a payload type that was not agreed`},
		{Event{Kind: MusicBegan, Room: "5234", Call: "c1", Name: "Anna", Number: "101"},
			`level=INFO msg="music: not heard until it is over" room=5234 call=c1 name=Anna number=101`},
		{Event{Kind: MusicEnded, Room: "5234", Call: "c1", Name: "Anna", Number: "101"},
			`level=INFO msg="music is over: heard again" room=5234 call=c1 name=Anna number=101`},
	} {
		var b bytes.Buffer
		q := newQueue(2)
		q.put(c.event)
		newJournal(q, slog.New(slog.NewTextHandler(&b, nil)), nil, nil).close()
		if !strings.Contains(b.String(), c.want) {
			t.Errorf("the log says\n%swant\n%s", &b, c.want)
		}
	}
}

// TestLeavingTellsWhatWentThrough: the figures are those of the leg.
func TestLeavingTellsWhatWentThrough(t *testing.T) {
	room := newQuietScene(t)
	alice := room.joins("alice", codec.PCMA)
	alice.speaks(400, 6000)
	room.ticks(50)
	alice.leaves("hung up")
	var last Event
	for e, ok := room.events.take(); ok; e, ok = room.events.take() {
		last = e
	}
	if last.Kind != Left || last.Stats.PacketsIn != 50 || last.Stats.PacketsOut != 50 {
		t.Errorf("%+v, want that she has left and 50 packets went each way", last)
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
