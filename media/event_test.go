package media

import (
	"testing"
	"time"
)

// eventAt is one event packet at a time in milliseconds.
type eventAt struct {
	ms   int64
	ssrc uint32
	ts   uint32
	e    event
}

func TestPresses(t *testing.T) {
	const on, off = false, true
	tests := []struct {
		name    string
		packets []eventAt
		want    string
	}{
		{"asterisk: two begins, three ends", []eventAt{{0, 1, 160, event{5, on, 0}}, {0, 1, 160, event{5, on, 160}},
			{100, 1, 160, event{5, off, 800}}, {100, 1, 160, event{5, off, 800}}, {100, 1, 160, event{5, off, 800}}}, "5"},
		{"start lost", []eventAt{{40, 1, 160, event{1, on, 320}}, {60, 1, 160, event{1, off, 480}}}, "1"},
		{"all but one end lost", []eventAt{{60, 1, 160, event{11, off, 480}}}, "#"},
		{"end lost, then the same key again", []eventAt{{0, 1, 160, event{1, on, 160}}, {300, 1, 2560, event{1, on, 160}}}, "11"},
		{"end lost, then another key at once", []eventAt{{0, 1, 160, event{1, on, 160}}, {60, 1, 640, event{2, on, 160}}}, "12"},
		{"update overtaken by the end", []eventAt{{0, 1, 160, event{7, on, 160}}, {40, 1, 160, event{7, off, 480}}, {60, 1, 160, event{7, on, 320}}}, "7"},
		{"late end after the next press", []eventAt{{0, 1, 160, event{7, on, 160}}, {60, 1, 1600, event{8, on, 160}}, {80, 1, 160, event{7, off, 480}}, {90, 1, 1600, event{8, off, 400}}}, "78"},
		{"press overtaken as a whole", []eventAt{{60, 1, 1600, event{8, on, 160}}, {80, 1, 160, event{7, off, 480}}, {81, 1, 160, event{7, off, 480}}}, "87"},
		{"pause longer than the time-out within a press", []eventAt{{0, 1, 160, event{3, on, 160}}, {500, 1, 160, event{3, on, 4000}}, {900, 1, 160, event{3, off, 7200}}}, "3"},
		{"long press in segments", []eventAt{{0, 1, 100, event{9, on, 160}}, {8190, 1, 100, event{9, on, 0xffff}},
			{8200, 1, 100 + 0xffff, event{9, on, 160}}, {9000, 1, 100 + 0xffff, event{9, off, 6400}}, {9001, 1, 100 + 0xffff, event{9, off, 6400}}}, "9"},
		{"long press, late packet of the first segment", []eventAt{{0, 1, 100, event{9, on, 160}}, {8200, 1, 100 + 0xffff, event{9, on, 160}}, {8210, 1, 100, event{9, on, 0xffff}}}, "9"},
		{"long press, duration wraps", []eventAt{{0, 1, 100, event{9, on, 65500}}, {20, 1, 100, event{9, on, 124}}, {40, 1, 100, event{9, off, 300}}}, "9"},
		{"same key after an end, a segment's distance later", []eventAt{{0, 1, 100, event{9, off, 800}}, {8200, 1, 100 + 0xffff, event{9, on, 160}}}, "99"},
		{"new source, same timestamp", []eventAt{{0, 1, 100, event{9, off, 800}}, {200, 2, 100, event{9, off, 800}}}, "99"},
		{"timestamp wraps", []eventAt{{0, 1, 0xffffff00, event{4, on, 160}}, {100, 1, 0xffffff00, event{4, off, 900}}, {200, 1, 1000, event{4, on, 0}}}, "44"},
		{"all keys", []eventAt{{0, 1, 1, event{0, off, 8}}, {1, 1, 2, event{10, off, 8}}, {2, 1, 3, event{15, off, 8}}}, "0*D"},
		{"ssrc, timestamp and key all zero", []eventAt{{0, 0, 0, event{0, on, 8}}, {0, 0, 0, event{0, off, 8}}}, "0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s Presses
			var got []byte
			for _, p := range tt.packets {
				now := p.ms * int64(time.Millisecond)
				s.expire(now)
				if d := s.packet(p.ssrc, p.ts, p.e, now); d != 0 {
					got = append(got, d)
				}
			}
			if string(got) != tt.want {
				t.Errorf("pressed %q, want %q", got, tt.want)
			}
		})
	}
}

func TestPressLasts(t *testing.T) {
	var s Presses
	at := func(ms int64) int64 { return ms * int64(time.Millisecond) }
	s.packet(1, 100, event{code: 1, duration: 65500}, at(0))
	s.packet(1, 100, event{code: 1, duration: 124}, at(20))
	if s.Length != 65536+124 {
		t.Errorf("length after the wrap = %d, want %d", s.Length, 65536+124)
	}
	if s.expire(at(219)) || !s.expire(at(220)) || s.expire(at(230)) {
		t.Error("want the press to end once, 200 ms after its last packet")
	}
	s.packet(1, 5000, event{code: 1, duration: 160}, at(300))
	s.packet(1, 5000, event{code: 1, end: true, duration: 320}, at(320))
	if s.Active || !s.Ended {
		t.Error("want the end bit to end the press")
	}
}

func TestEventParse(t *testing.T) {
	tests := []struct {
		raw  []byte
		want event
		ok   bool
	}{
		{[]byte{5, 0x0a, 0x01, 0x40}, event{5, false, 320}, true},
		{[]byte{11, 0x8a, 0x03, 0x20}, event{11, true, 800}, true},
		{[]byte{5, 0x0a, 0x01}, event{}, false},
		{nil, event{}, false},
		{[]byte{16, 0x0a, 0x01, 0x40}, event{}, false}, // flash
		{[]byte{5, 0x8a, 0x01, 0x40, 5, 0x8a, 0x01, 0x40}, event{5, true, 320}, true},
	}
	for _, tt := range tests {
		var got event
		if ok := got.parse(tt.raw); ok != tt.ok || got != tt.want {
			t.Errorf("parse(%x) = %+v, %v, want %+v, %v", tt.raw, got, ok, tt.want, tt.ok)
		}
	}
}

// FuzzPresses: any stream of packets, in any order, gives at most one digit for each (SSRC, timestamp, key), within
// the reach of the memory.
func FuzzPresses(f *testing.F) {
	f.Add([]byte{0, 5, 0, 1, 0, 5, 0x80, 2, 1, 6, 0, 1})
	f.Fuzz(func(t *testing.T, raw []byte) {
		var s Presses
		reported, came := make(map[Press]bool), make(map[Press]bool)
		now := int64(0)
		for ; len(raw) >= 4; raw = raw[4:] {
			now += int64(raw[3]) * int64(time.Millisecond)
			ssrc, ts := uint32(raw[0]&1), uint32(raw[0]>>1&3)*0xffff // 16 different presses
			var e event
			if !e.parse([]byte{raw[1] & 0x1, raw[2], raw[3], raw[2]}) {
				t.Fatal("a key was refused")
			}
			s.expire(now)
			p := Press{ssrc, ts, e.code, true}
			came[p] = true // also the segments, which are remembered as well
			if d := s.packet(ssrc, ts, e, now); d != 0 {
				if reported[p] && len(came) <= len(s.Past) {
					t.Fatalf("%c reported twice", d)
				}
				reported[p] = true
			}
		}
	})
}
