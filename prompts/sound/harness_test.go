package sound

import (
	"encoding/binary"
	"math"
)

// tone is a sine of that many samples; its peak at 0 dB is full scale, which is -3 dBov.
func tone(rate, samples int, hz, dB float64) Sound {
	s := Sound{Rate: rate, Samples: make([]int16, samples)}
	peak := 32767 * math.Pow(10, dB/20)
	for i := range s.Samples {
		s.Samples[i] = int16(math.Round(peak * math.Sin(2*math.Pi*hz*float64(i)/float64(rate))))
	}
	return s
}

// level is that of all samples, in dBov.
func level(samples []int16) float64 {
	sum := 0.0
	for _, v := range samples {
		sum += float64(v) * float64(v)
	}
	return 10 * math.Log10(sum/float64(len(samples))/(1<<30))
}

// wav is a WAV file with these parts.
func wav(parts ...[]byte) []byte {
	body := []byte("WAVE")
	for _, part := range parts {
		body = append(body, part...)
	}
	return appendChunk(nil, "RIFF", body)
}

// fmtChunk is a "fmt " part, of which a PCM file of one channel has 1, 1, rate, 16.
func fmtChunk(code, channels uint16, rate uint32, bits uint16, more ...byte) []byte {
	var b []byte
	b = binary.LittleEndian.AppendUint16(b, code)
	b = binary.LittleEndian.AppendUint16(b, channels)
	b = binary.LittleEndian.AppendUint32(b, rate)
	b = binary.LittleEndian.AppendUint32(b, rate*uint32(channels*bits/8))
	b = binary.LittleEndian.AppendUint16(b, channels*bits/8)
	b = binary.LittleEndian.AppendUint16(b, bits)
	return appendChunk(nil, "fmt ", append(b, more...))
}

// pcmChunk is a "data" part of 16-bit samples.
func pcmChunk(samples ...int16) []byte {
	var b []byte
	for _, v := range samples {
		b = binary.LittleEndian.AppendUint16(b, uint16(v))
	}
	return appendChunk(nil, "data", b)
}
