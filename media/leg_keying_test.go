package media_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"pgregory.net/rapid"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media"
	"github.com/sipconf/sipconf/media/mediatest"
)

// keys are keys with those times, in ms.
func keys(t testing.TB, text string, held, gap int) media.Keys {
	t.Helper()
	return stroked(t, false, strokes(text, held, gap)...)
}

func strokes(text string, held, gap int) (all []media.Stroke) {
	for _, key := range []byte(text) {
		all = append(all, media.Stroke{Key: key, Length: time.Duration(held) * ms, Gap: time.Duration(gap) * ms})
	}
	return all
}

func stroked(t testing.TB, inSound bool, strokes ...media.Stroke) media.Keys {
	t.Helper()
	k, err := media.NewKeys(inSound, strokes...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// farEnd is another leg of ours to which all is brought that the first one sends: so we hear our own keys.
type farEnd struct {
	*call
	near *call
	sent []rtp.Packet
}

// newFarEnd is a leg that hears what near sends.
func newFarEnd(near *call) *farEnd {
	f := &farEnd{call: newCall(near.t, near.Codec), near: near}
	return f
}

// goesOn lets both go on for so many ticks; near sends that sound, at a level that is easily heard.
func (f *farEnd) goesOn(ticks int, loud bool) {
	for range ticks {
		f.near.pull()
		frame := make([]int16, 160)
		if loud {
			for i := range frame {
				frame[i] = int16(8000 * math.Sin(2*math.Pi*440*float64(i)/8000)) // not a whole number of periods: a buzz
			}
		}
		f.near.Leg.Push(f.near.now, frame)
		f.near.Conn.Sent(func(b []byte, _ netip.AddrPort) {
			var p rtp.Packet
			if err := p.Unmarshal(slices.Clone(b)); err != nil {
				f.t.Fatal(err)
			}
			f.sent = append(f.sent, p)
			f.Conn.Deliver(b, f.Addr)
		})
		f.pull()
	}
}

// line is a packet as the tests write it: "5 480" is an event after 480 units, "M" marks it, "E" ends it, and "@" is where it began, in units
// since the first packet; "~160" is sound of 160 bytes.
func line(p rtp.Packet, origin uint32) string {
	mark := map[bool]string{true: "M", false: ""}[p.Marker]
	if p.PayloadType != mediatest.EventType {
		return fmt.Sprintf("%s~%d@%d", mark, len(p.Payload), p.Timestamp-origin)
	}
	end := map[bool]string{true: "E", false: ""}[p.Payload[1]&0x80 != 0]
	return fmt.Sprintf("%s%c%s %d@%d", mark, "0123456789*#ABCD"[p.Payload[0]], end, binary.BigEndian.Uint16(p.Payload[2:]), p.Timestamp-origin)
}

// wantSent compares what was sent since the last question.
func (f *farEnd) wantSent(want string) {
	f.t.Helper()
	for i, p := range f.sent {
		if i > 0 && p.SequenceNumber != f.sent[i-1].SequenceNumber+1 {
			f.t.Errorf("number %d after %d", p.SequenceNumber, f.sent[i-1].SequenceNumber)
		}
	}
	f.wantSentOf(want)
}

// wantSentOf is wantSent, where some packets were left out.
func (f *farEnd) wantSentOf(want string) {
	f.t.Helper()
	var lines []string
	for _, p := range f.sent {
		lines = append(lines, line(p, f.sent[0].Timestamp))
	}
	if got := strings.Join(lines, ", "); got != want {
		f.t.Errorf("sent\n%s\nwant\n%s", got, want)
	}
	f.sent = nil
}

// Two keys, 60 and 40 ms long, 60 ms apart: each frame has one packet, and when the keys are over the sound goes on where the clock is.
func TestKeysAsEvents(t *testing.T) {
	f := newFarEnd(newCall(t, codec.PCMA))
	f.goesOn(1, true)
	if f.near.Leg.SendKeys(keys(t, "5#", 60, 60)); !f.near.Leg.SendingKeys() || !f.near.Leg.TakesEvents() {
		t.Error("it sends no events")
	}
	f.goesOn(13, true)
	if f.near.Leg.SendingKeys() {
		t.Error("it is not over")
	}
	f.goesOn(1, true)
	f.wantSent("M~160@0, M5 160@160, 5 320@160, 5E 480@160, 5E 480@160, 5E 480@160, M~160@960, " +
		"M# 160@1120, # 320@1120, #E 480@1120, #E 480@1120, #E 480@1120, M~160@1920, ~160@2080, ~160@2240")
	f.wantDigits("5#")
	f.wantStats("lost", uint64(f.Leg.Stats().Lost), 0)
}

// With packets of 30, 40, 60 and 10 ms the sound that is gathered goes out before the key, and a wait is a wait.
func TestKeysBetweenPacketsOfOtherLengths(t *testing.T) {
	for ptime, want := range map[int]string{
		10: "M~80@0, ~80@80, M1 160@160, 1E 320@160, 1E 320@160, 1E 320@160, M~80@800, ~80@880, ~80@960, ~80@1040, ~80@1120, ~80@1200",
		30: "M~160@0, M1 160@160, 1E 320@160, 1E 320@160, 1E 320@160, M~240@800, ~240@1040",
		40: "M~160@0, M1 160@160, 1E 320@160, 1E 320@160, 1E 320@160, M~320@800",
		60: "M~160@0, M1 160@160, 1E 320@160, 1E 320@160, 1E 320@160, M~480@800",
	} {
		near := newCall(t, codec.PCMU)
		s := near.Session()
		s.Ptime = time.Duration(ptime) * ms
		near.Leg.Update(s)
		f := newFarEnd(near)
		f.goesOn(1, true)
		near.Leg.SendKeys(stroked(t, false, media.Stroke{Key: '1', Length: 40 * ms, Gap: 40 * ms}, media.Stroke{Length: 40 * ms}))
		f.goesOn(7, true)
		f.wantSent(want)
		f.goesOn(10, false)
		f.wantDigits("1")
	}
}

// Our own ear takes each key as often as it was sent, by events and by tones, by both laws, with packets of any length, the shortest keys and long
// ones. While keys are sent the sound is not.
func TestWeHearOurOwnKeys(t *testing.T) {
	const dialled = "0123456789*#ABCD55"
	for _, law := range []*codec.Codec{codec.PCMA, codec.PCMU} {
		for _, ptime := range []int{0, 10, 30, 40, 60} {
			for _, way := range []string{"events", "tones", "tones although events are agreed"} {
				for _, held := range []int{40, 100, 1000} {
					if held == 1000 && ptime != 30 {
						continue // to save time
					}
					name := fmt.Sprintf("%s by %s, %d ms, in packets of %d ms", law, way, held, ptime)
					near := newCall(t, law)
					s := near.Session()
					s.Ptime = time.Duration(ptime) * ms
					if way == "tones" {
						s.EventType = 0
					}
					near.Leg.Update(s)
					f := newFarEnd(near)
					if way != "events" { // else the far end does not look for tones
						far := f.Session()
						far.EventType = 0
						f.Leg.Update(far)
					}
					f.goesOn(10, true)
					near.Leg.SendKeys(stroked(t, way != "events", strokes(dialled, held, min(held, 100))...))
					for near.Leg.SendingKeys() {
						f.goesOn(1, true)
					}
					f.goesOn(10, false)
					if got := string(f.digits); got != dialled {
						t.Errorf("%s: heard %q, want %q", name, got, dialled)
					}
				}
			}
		}
	}
}

// A key in the sound is two tones at -9 and -7 dBm0, as long as it was to be, without a click, and nothing else is heard.
func TestKeysAsTones(t *testing.T) {
	near := newOldCall(t, codec.PCMA)
	if near.pull(); near.Leg.TakesEvents() {
		t.Error("it takes events")
	}
	near.Received()
	near.Leg.SendKeys(keys(t, "8", 200, 100))
	var heard []int16
	for range 15 {
		near.pull()
		near.Leg.Push(near.now, make([]int16, 160))
		heard = append(heard, near.Hears()...)
	}
	key := heard[:1600]
	near.wantLevel(key[160:1440], 852, -9-6.18) // 0 dBm0 is -6.18 dBov (RFC 3551 and G.711: a full-scale sine is 3.14 dBm0 and -3 dBov)
	near.wantLevel(key[160:1440], 1336, -7-6.18)
	fades(t, key)
	for i, s := range heard[1600:] {
		if s < -8 || s > 8 {
			t.Fatalf("%d at sample %d behind the key", s, i)
		}
	}
	if loud := pieces(heard); len(loud) != 1 || loud[0] < 195 || loud[0] > 200 {
		t.Errorf("it sounds for %v ms, want 200", loud)
	}
}

// fades fails when a key does not begin and end softly: with a quarter of a millisecond that is soft.
func fades(t *testing.T, key []int16) {
	t.Helper()
	for _, edge := range [][]int16{key[:2], key[len(key)-2:]} {
		for _, s := range edge {
			if s > 2000 || s < -2000 {
				t.Errorf("it clicks: %d", edge)
			}
		}
	}
}

// The peer puts us on hold while a key is down: it goes to its end, and the next one waits until he is back. So it does without an address.
func TestKeysWaitForThePeer(t *testing.T) {
	for _, nowhere := range []bool{false, true} {
		f := newFarEnd(newCall(t, codec.PCMA))
		f.near.Leg.SendKeys(keys(t, "12", 60, 40))
		f.goesOn(1, true)
		s := f.near.Session()
		s.Held = true
		if nowhere {
			s.Remote = netip.MustParseAddrPort("0.0.0.0:4000")
		}
		f.near.Leg.Update(s)
		f.goesOn(100, true)
		if f.near.Leg.Update(f.near.Session()); !f.near.Leg.SendingKeys() {
			t.Error("the second key was not kept")
		}
		f.goesOn(6, true)
		if nowhere {
			f.wantSent("M1 160@0, M2 160@16160, 2 320@16160, 2E 480@16160, 2E 480@16160, 2E 480@16160, M~160@16960")
			continue
		}
		f.sent = slices.DeleteFunc(f.sent, func(p rtp.Packet) bool { return p.PayloadType != mediatest.EventType })
		f.wantSentOf("M1 160@0, 1 320@0, 1E 480@0, 1E 480@0, 1E 480@0, M2 160@16160, 2 320@16160, 2E 480@16160, 2E 480@16160, 2E 480@16160")
		f.wantDigits("12")
	}
}

// Other keys come while one is down, or none: it ends at once, has its end told and its gap, and what waited is forgotten.
func TestOtherKeysInTheMiddle(t *testing.T) {
	f := newFarEnd(newCall(t, codec.PCMA))
	f.near.Leg.SendKeys(keys(t, "123", 200, 200))
	f.goesOn(3, true)
	f.near.Leg.SendKeys(keys(t, "9", 40, 40))
	f.goesOn(8, true)
	f.wantSent("M1 160@0, 1 320@0, 1 480@0, 1E 640@0, 1E 640@0, 1E 640@0, M9 160@960, 9E 320@960, 9E 320@960, 9E 320@960, M~160@1600")
	f.near.Leg.SendKeys(keys(t, "4", 200, 200))
	f.goesOn(2, true)
	f.near.Leg.SendKeys(media.Keys{})
	f.goesOn(5, true)
	f.wantSent("M4 160@0, 4 320@0, 4E 480@0, 4E 480@0, 4E 480@0, M~160@800, ~160@960")
	f.near.Leg.SendKeys(stroked(t, false, media.Stroke{Length: time.Minute}, media.Stroke{Key: '7'}))
	f.goesOn(2, true)
	f.near.Leg.SendKeys(media.Keys{})
	if f.near.Leg.SendingKeys() {
		t.Error("nobody waits any more")
	}
	f.goesOn(5, true)
	f.wantDigits("194")
}

// In the sound it fades out with the next frame.
func TestAToneThatEndsAtOnce(t *testing.T) {
	near := newOldCall(t, codec.PCMU)
	near.pull()
	near.Leg.SendKeys(keys(t, "5", 1000, 100))
	var heard []int16
	for i := range 12 {
		if i == 4 {
			near.Leg.SendKeys(media.Keys{})
		}
		near.pull()
		near.Leg.Push(near.now, make([]int16, 160))
		heard = append(heard, near.Hears()...)
	}
	fades(t, heard[:800])
	if loud := pieces(heard); len(loud) != 1 || loud[0] < 95 || loud[0] > 100 {
		t.Errorf("it sounds for %v ms, want 100", loud)
	}
}

// The peer agrees to something else while a key is down: without events it is over, and the next one is a tone; another payload type is taken at
// once.
func TestKeysOverNegotiations(t *testing.T) {
	f := newFarEnd(newCall(t, codec.PCMA))
	f.near.Leg.SendKeys(keys(t, "12", 100, 300))
	f.goesOn(2, true)
	s := f.near.Session()
	s.EventType, s.EventRate = 96, 8000
	f.near.Leg.Update(s)
	f.goesOn(1, true)
	if p := f.sent[2]; p.PayloadType != 96 || p.Timestamp != f.sent[0].Timestamp || len(p.Payload) != 4 {
		t.Errorf("after the change: %v", p.Header)
	}
	s.EventType = 0
	f.near.Leg.Update(s)
	far := f.Session()
	far.EventType = 0
	f.Leg.Update(far)
	f.sent = nil
	f.goesOn(2, true)
	f.wantSent("M~160@0, ~160@160")
	f.goesOn(40, false)
	f.wantDigits("12")
	s.EventType, s.EventRate = 101, 16000
	if f.near.Leg.Update(s); f.near.pull() == nil || f.near.Leg.TakesEvents() {
		t.Error("events by another clock than the sound's are none of ours")
	}
}

func TestNewKeys(t *testing.T) {
	long := make([]media.Stroke, media.MostStrokes)
	for i := range long {
		long[i].Key = '1'
	}
	k, err := media.NewKeys(false, append(long[:2], media.Stroke{Key: 'D', Length: 41 * ms, Gap: 8 * time.Second}, media.Stroke{Length: 2 * time.Second}, media.Stroke{})...)
	if err != nil || k.Count != 5 || k.Beats[0] != (media.Beat{Key: '1', Length: 5, Gap: 5}) || k.Beats[2] != (media.Beat{Key: 'D', Length: 3, Gap: 400}) || k.Beats[3] != (media.Beat{Length: 100}) {
		t.Errorf("%+v, %v", k.Beats[:6], err)
	}
	for _, c := range []struct {
		strokes []media.Stroke
		want    string
	}{
		{make([]media.Stroke, media.MostStrokes+1), "65 strokes of keys, where 64 are the most"},
		{[]media.Stroke{{Key: '1'}, {Key: 'E'}}, "stroke 2: 'E' is no key"},
		{[]media.Stroke{{Key: '1', Length: 39 * ms}}, "stroke 1: 1 for 39ms and a gap of 100ms, where 40ms to 8s and a gap of 40ms to 10m0s can be"},
		{[]media.Stroke{{Key: '1', Length: 9 * time.Second}}, "stroke 1: 1 for 9s and a gap of 100ms, where 40ms to 8s and a gap of 40ms to 10m0s can be"},
		{[]media.Stroke{{Key: '1', Gap: -1}}, "stroke 1: 1 for 100ms and a gap of -1ns, where 40ms to 8s and a gap of 40ms to 10m0s can be"},
		{[]media.Stroke{{Length: time.Hour}}, "stroke 1: a wait of 1h0m0s and 0s, where 0s to 10m0s and no gap can be"},
	} {
		if _, err := media.NewKeys(false, c.strokes...); err == nil || err.Error() != c.want {
			t.Errorf("%v: %v, want %s", c.strokes, err, c.want)
		}
	}
}

// Whatever keys are sent, and whatever is negotiated and skipped meanwhile: there is one stream, whose numbers have no gap, and in which each
// packet is of its own time, the sound and the events alike, in order.
func TestWhateverTheKeysTheStreamGoesOnByTheClock(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		near := &call{Phone: mediatest.NewPhone(t, codec.PCMA), t: t}
		defer near.Leg.Close()
		s := near.Session()
		near.pull()
		near.Leg.Push(near.now, nil)
		first := near.Received()[0]
		origin, began, seq, end := first.Timestamp, near.now, first.SequenceNumber, uint32(160)
		clock := func() uint32 { return uint32((near.now-began)/int64(20*ms)) * 160 } // of the frame of now
		var event struct{ ts, duration uint32 }
		for range rapid.IntRange(1, 60).Draw(r, "steps") {
			switch rapid.SampledFrom([]string{"keys", "none", "skip", "negotiate", "tick", "tick", "tick"}).Draw(r, "step") {
			case "keys":
				near.Leg.SendKeys(rapid.Custom(someKeys).Draw(r, "keys"))
			case "none":
				near.Leg.SendKeys(media.Keys{})
			case "skip":
				near.now += rapid.Int64Range(1, 600).Draw(r, "ticks") * int64(20*ms)
			case "negotiate":
				s.EventType = rapid.SampledFrom([]uint8{0, 101}).Draw(r, "type")
				s.Held = rapid.Bool().Draw(r, "held")
				s.Ptime = rapid.SampledFrom([]time.Duration{10, 20, 30, 40, 60}).Draw(r, "ptime") * ms
				s.Remote = rapid.SampledFrom([]netip.AddrPort{near.Addr, near.Addr, netip.MustParseAddrPort("0.0.0.0:4000")}).Draw(r, "remote")
				near.Leg.Update(s)
			}
			for range rapid.IntRange(1, 30).Draw(r, "ticks") {
				near.pull()
				near.Leg.Push(near.now, nil)
				for _, p := range near.Received() {
					if seq++; p.SequenceNumber != seq {
						r.Fatalf("number %d after %d", p.SequenceNumber, seq-1)
					}
					ts := p.Timestamp - origin
					if p.PayloadType == mediatest.EventType {
						duration := uint32(binary.BigEndian.Uint16(p.Payload[2:]))
						// An end is said again, and it may be said late: while there is nobody to send to it cannot be.
						again := event.ts == ts && duration >= event.duration && ts+duration <= clock()+160 && p.Payload[1]&0x80 != 0
						if fits := ts+duration == clock()+160 || duration == 0xffff; !fits && !again || p.Marker != (event.ts != ts) {
							r.Fatalf("%s at %d, after %v", line(p, origin), clock(), event)
						}
						if ts < end && event.ts != ts {
							r.Fatalf("%s, where %d is over", line(p, origin), end)
						}
						event.ts, event.duration = ts, duration
						end = max(end, ts+duration)
						continue
					}
					over := ts + uint32(len(p.Payload))
					if ts < end || over > clock()+160 || over+uint32(s.Ptime/ms)*8 < clock()+160 {
						r.Fatalf("%s at %d, where %d is over", line(p, origin), clock(), end)
					}
					end = over
				}
			}
		}
	})
}

// someKeys are any.
func someKeys(r *rapid.T) media.Keys {
	var all []media.Stroke
	for range rapid.IntRange(0, 5).Draw(r, "count") {
		s := media.Stroke{Key: rapid.SampledFrom([]byte("0159*#D\x00")).Draw(r, "key"), Length: time.Duration(rapid.IntRange(40, 400).Draw(r, "length")) * ms}
		if s.Key != 0 {
			s.Gap = time.Duration(rapid.IntRange(40, 200).Draw(r, "gap")) * ms
		}
		all = append(all, s)
	}
	k, err := media.NewKeys(rapid.Bool().Draw(r, "in the sound"), all...)
	if err != nil {
		r.Fatal(err)
	}
	return k
}
