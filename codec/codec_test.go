package codec

import (
	"testing"

	"github.com/zaf/g711"
)

func TestTablesAreExact(t *testing.T) {
	for i := range 1 << 16 {
		sample, one := []int16{int16(uint16(i))}, make([]byte, 1)
		if PCMA.Encode(one, sample); one[0] != g711.EncodeAlawFrame(sample[0]) {
			t.Fatalf("PCMA encodes %d as %#x, want %#x", sample[0], one[0], g711.EncodeAlawFrame(sample[0]))
		}
		if PCMU.Encode(one, sample); one[0] != g711.EncodeUlawFrame(sample[0]) {
			t.Fatalf("PCMU encodes %d as %#x, want %#x", sample[0], one[0], g711.EncodeUlawFrame(sample[0]))
		}
	}
}

// What is worked on together, and what is left of it, is what the tables say one by one, wherever it stands.
func TestLanesAreExact(t *testing.T) {
	for _, c := range all {
		samples := make([]int16, 1<<16)
		for i := range samples {
			samples[i] = int16(uint16(i * 40503)) // each once, no two neighbours alike
		}
		words := make([]byte, len(samples))
		for from := range 9 {
			c.Encode(words[from:], samples[from:])
			for i := from; i < len(samples); i++ {
				if want := c.encode[uint16(samples[i])>>encodeShift]; words[i] != want {
					t.Fatalf("%s encodes %d at %d as %#x, want %#x", c, samples[i], i, words[i], want)
				}
			}
		}
		for i := range words {
			words[i] = byte(i * 167)
		}
		for from := range 9 {
			c.Decode(samples[from:], words[from:])
			for i := from; i < len(words); i++ {
				if want := c.decode[words[i]]; samples[i] != want {
					t.Fatalf("%s decodes %#x at %d as %d, want %d", c, words[i], i, samples[i], want)
				}
			}
		}
	}
}

// Decoding and encoding again must give the same code word: else speech would fade with each hop.
func TestCodeWordsRoundTrip(t *testing.T) {
	for _, c := range all {
		for i := range 256 {
			sample, word := make([]int16, 1), []byte{byte(i)}
			c.Decode(sample, word)
			c.Encode(word, sample)
			if c == PCMU && i == 0x7f {
				continue // negative zero of mu-law: decodes to 0 and comes back as positive zero
			}
			if word[0] != byte(i) {
				t.Errorf("%s: code word %#x comes back as %#x", c, i, word[0])
			}
		}
	}
}

func TestSilenceDecodesToNearlyNothing(t *testing.T) {
	for _, c := range all {
		sample := make([]int16, 1)
		c.Decode(sample, []byte{c.Silence()})
		if sample[0] < 0 || sample[0] > 8 { // A-law has no zero: its smallest sample is 8
			t.Errorf("%s: silence decodes to %d", c, sample[0])
		}
	}
}

func TestLookups(t *testing.T) {
	tests := []struct {
		name string
		pt   uint8
		want *Codec
	}{
		{"pcma", 8, PCMA}, {"PCMU", 0, PCMU}, {"PcMu", 0, PCMU}, {"G722", 9, nil}, {"", 255, nil},
	}
	for _, tt := range tests {
		if got, ok := ByName(tt.name); got != tt.want || ok != (tt.want != nil) {
			t.Errorf("ByName(%q) = %v, %v, want %v", tt.name, got, ok, tt.want)
		}
		if got, ok := ByPayloadType(tt.pt); got != tt.want || ok != (tt.want != nil) {
			t.Errorf("ByPayloadType(%d) = %v, %v, want %v", tt.pt, got, ok, tt.want)
		}
	}
}

func TestShortBuffersAreRespected(t *testing.T) {
	if n := PCMA.Decode(make([]int16, 3), make([]byte, 5)); n != 3 {
		t.Errorf("Decode into 3 samples wrote %d", n)
	}
	if n := PCMA.Encode(make([]byte, 5), make([]int16, 4)); n != 4 {
		t.Errorf("Encode of 4 samples wrote %d", n)
	}
}

func BenchmarkDecode(b *testing.B) {
	frame, payload := make([]int16, 160), make([]byte, 160)
	for b.Loop() {
		PCMA.Decode(frame, payload)
	}
}

func BenchmarkEncode(b *testing.B) {
	frame, payload := make([]int16, 160), make([]byte, 160)
	for i := range frame {
		frame[i] = int16(i * 397)
	}
	for b.Loop() {
		PCMU.Encode(payload, frame)
	}
}
