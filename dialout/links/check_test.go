package links

import (
	"testing"
	"time"

	"github.com/sipconf/sipconf/dialout"
)

// All that may be wrong, and what the operator is told.
func TestCheck(t *testing.T) {
	cfg := dialout.Config{
		Trunks: []dialout.Trunk{{Name: "provider", Address: "sip:192.0.2.1", Numbers: []string{"_8X."}}},
		Rules:  dialout.DefaultRules(),
	}
	good := Link{Room: "354233", Number: conference, Trunk: "provider", DTMF: "ww354233"}
	if err := Check([]Link{good}, nil, cfg); err != nil {
		t.Errorf("the issue's link: %v", err)
	}
	with := func(change func(*Link)) Link {
		l := good
		change(&l)
		return l
	}
	for _, c := range []struct {
		link Link
		want string
	}{
		{with(func(l *Link) { l.Room = "" }), `links[0].room: it is missing; write the number of the room that is to be connected`},
		{with(func(l *Link) { l.Room = "35 42x" }), `links[0].room "35 42x": it is no number of a room: write it as it is dialled, such as 354233`},
		{with(func(l *Link) { l.Number = "" }), `links[0].number: it is missing; write the number of the other conference`},
		{with(func(l *Link) { l.Trunk = "pbx" }), `links[0].trunk "pbx": there is no trunk of this name; write one of those in trunks`},
		{with(func(l *Link) { l.DTMF = "1;2" }), `links[0].dtmf "1;2": ';' at position 2 is neither a key (0-9 * # A-D) nor w (half a second), a comma (two seconds) or W (until the far side has spoken)`},
		{with(func(l *Link) { l.Number = "0012345678" }), `links[0].number "0012345678": it may not be dialled: see dialout.allow and dialout.deny`},
		{with(func(l *Link) { l.Number = "*100" }), `links[0].number "*100": it leads back to us (dialout.own), and the room would be connected with itself`},
		{with(func(l *Link) { l.Number = "123456789012" }), `links[0].number "123456789012": it has too many digits: see dialout.max_digits`},
		{with(func(l *Link) { l.Number = "ä" }), `links[0].number "ä": it is no number that can be dialled`},
		{with(func(l *Link) { l.Number = "100" }), `links[0].number "100": trunk provider does not take it: see its numbers, strip and prepend`},
		{with(func(l *Link) { l.Number, l.Trunk = "100", "" }), `links[0].number "100": no trunk takes it: see numbers, strip and prepend of the trunks`},
		{with(func(l *Link) { l.Line = "one" }), `links[0].line "one": there is no line of this name; write one of those in lines`},
		{with(func(l *Link) { l.Tone = time.Millisecond }), `links[0].tone "1ms": write 40ms to 1s`},
		{with(func(l *Link) { l.Gap = time.Minute }), `links[0].gap "1m0s": write 40ms to 10s`},
		{with(func(l *Link) { l.Lost = time.Second }), `links[0].lost "1s": write 2s to 1h0m0s`},
		{with(func(l *Link) { l.Ended = -1 }), `links[0].ended "-1ns": write 1s to 24h0m0s`},
		{with(func(l *Link) { l.Retry = []time.Duration{-1, time.Minute} }), `links[0].retry[0] "-1ns": write 0s to 24h`},
		{with(func(l *Link) { l.Retry = []time.Duration{time.Second, 0} }), `links[0].retry[1] "0s": the last wait is that of all further attempts; write 1s or more`},
	} {
		if err := Check([]Link{c.link}, nil, cfg); err == nil || err.Error() != c.want {
			t.Errorf("got:  %v\nwant: %s", err, c.want)
		}
	}
	want := `lines[1].name "a": another line has this name; give each its own
lines[2].name: it is missing; write the name that links give as their line
lines[2].capacity "-1": write how many calls it takes at the same time
links[1].number "8 495 777-66-75": links[0] connects room 354233 with the same number; a link has one call, so leave one of them out`
	lines := []Line{{Name: "a"}, {Name: "a"}, {Capacity: -1}}
	if err := Check([]Link{good, with(func(l *Link) { l.Number = "8 495 777-66-75" })}, lines, cfg); err == nil || err.Error() != want {
		t.Errorf("got:  %v\nwant: %s", err, want)
	}
	if err := Check([]Link{good}, nil, dialout.Config{Rules: cfg.Rules}); err == nil {
		t.Error("a link without any trunk is no fault")
	}
}
