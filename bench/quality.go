package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media"
	"github.com/sipconf/sipconf/media/mediatest"
)

// The quality of one leg's playout is simulated: packets of a made-up voice go through a network that loses and delays them into a real
// media.Leg, over a socket in memory. Nothing of it depends on the machine or on chance.

// network is what the packets meet. The zero value is a perfect one.
type network struct {
	loss   float64       // share of the packets
	burst  int           // so many are lost in a row; 0: 1
	jitter time.Duration // evenly spread from 0
}

func (n network) String() string {
	lost := fmt.Sprintf("%.0f %%", 100*n.loss)
	if n.burst > 1 {
		lost += fmt.Sprintf(" in bursts of %d", n.burst)
	}
	return lost
}

// heard is what a listener got. Delays are in milliseconds, from the moment at which a packet is sent until the tick that plays its
// first sample; without the time that the packet took to fill. SNR is that of the frames in which somebody spoke, in dB.
type heard struct {
	DelayP50, DelayP99 float64
	Concealed          float64 // share of the sound
	SNR                float64
}

const (
	tickTime    = 20 * time.Millisecond
	frameSize   = 160
	voiceFrames = 500  // after 10 s the voice says the same again
	talkTicks   = 3000 // a minute
)

// voiceAt is the pure voice: syllables of a gliding pitch, four in a second, and pauses between words, as their loudness decides what
// concealment can do.
func voiceAt() []int16 {
	pcm := make([]int16, voiceFrames*frameSize)
	phase := 0.0
	for i := range pcm {
		t := float64(i) / 8000
		phase += (140 + 50*math.Sin(2*math.Pi*0.6*t)) / 8000
		syllable := max(0, math.Sin(2*math.Pi*2*t)) * max(0, min(1, 3*math.Sin(2*math.Pi*0.4*t)+2)) // 0.4 Hz: words
		var s float64
		for k := 1.0; k <= 12; k++ {
			s += math.Sin(2*math.Pi*k*phase) / (1 + math.Abs(k-4)) // louder about 560 Hz
		}
		pcm[i] = int16(3500 * syllable * s)
	}
	return pcm
}

// spoken is the voice as packets of G.711, and as a perfect network would bring it.
type spoken struct {
	packets [][]byte
	undone  []int16
}

var voice = sync.OnceValue(func() (s spoken) {
	pcm := voiceAt()
	s.undone = make([]int16, len(pcm))
	for at := 0; at < len(pcm); at += frameSize {
		payload := make([]byte, frameSize)
		codec.PCMA.Encode(payload, pcm[at:at+frameSize])
		codec.PCMA.Decode(s.undone[at:at+frameSize], payload)
		s.packets = append(s.packets, payload)
	}
	return s
})

// listener is one leg and what is on the way to it.
type listener struct {
	network
	conn   *mediatest.Conn
	leg    *media.Leg
	random *rand.Rand
	phase  time.Duration
	now    time.Duration
	next   int64 // packet to be sent
	losing int   // so many of the next ones
	flying []flight
	delays []float64
	snrs   []float64
}

type flight struct {
	arrival time.Duration
	number  int64
}

// peer is where the voice comes from.
var peer = netip.MustParseAddrPort("192.0.2.1:40000")

func newListener(n network, phase time.Duration) *listener {
	l := &listener{network: n, conn: mediatest.NewConn(netip.MustParseAddrPort("192.0.2.2:20000")), phase: phase,
		random: rand.New(rand.NewPCG(uint64(phase), uint64(n.jitter)+uint64(1000*n.loss)))}
	l.leg = media.NewLeg(media.LegConfig{}, l.conn)
	l.leg.Update(media.Session{Remote: peer, Codec: codec.PCMA, PayloadType: codec.PCMA.PayloadType})
	return l
}

// listen is what is heard in a minute each, with packets that come at eight different times between two ticks.
func listen(n network) (h heard) {
	var delays, snrs []float64
	for i := range 8 {
		l := newListener(n, time.Duration(i)*tickTime/8+time.Millisecond)
		for range talkTicks {
			l.tick()
		}
		delays, snrs = append(delays, l.delays...), append(snrs, l.snrs...)
		h.Concealed += float64(l.leg.Stats().Concealed) / float64(talkTicks*tickTime) / 8
		l.leg.Close()
	}
	slices.Sort(delays)
	h.DelayP50, h.DelayP99 = delays[len(delays)/2], delays[len(delays)*99/100]
	for _, one := range snrs {
		h.SNR += one / float64(len(snrs))
	}
	return h
}

// tick sends what is due, lets come what has crossed the network, and plays a frame.
func (l *listener) tick() {
	l.now += tickTime
	for l.sent(l.next) <= l.now {
		if !l.loses() {
			l.flying = append(l.flying, flight{l.sent(l.next) + time.Duration(l.random.Float64()*float64(l.jitter)), l.next})
		}
		l.next++
	}
	slices.SortStableFunc(l.flying, func(a, b flight) int { return int(a.arrival - b.arrival) })
	for len(l.flying) > 0 && l.flying[0].arrival <= l.now {
		l.conn.DeliverAt(int64(l.flying[0].arrival), l.packet(l.flying[0].number), peer)
		l.flying = l.flying[1:]
	}
	l.judge(l.leg.Pull(int64(l.now)))
}

// sent is when a packet has been filled and goes out.
func (l *listener) sent(packet int64) time.Duration {
	return l.phase + time.Duration(packet+1)*tickTime
}

// loses says whether the next packet is lost.
func (l *listener) loses() bool {
	burst := float64(max(1, l.burst))
	if l.losing == 0 && l.random.Float64() < l.loss/(burst-(burst-1)*l.loss) { // so that the share is right: none begins within another
		l.losing = max(1, l.burst)
	}
	if l.losing == 0 {
		return false
	}
	l.losing--
	return true
}

// packet is RTP (RFC 3550 section 5.1) whose timestamp begins at 0, so that the playout's positions are samples of the voice.
func (l *listener) packet(number int64) []byte {
	ts := uint32(number * frameSize)
	b := []byte{0x80, codec.PCMA.PayloadType, byte(number >> 8), byte(number), byte(ts >> 24), byte(ts >> 16), byte(ts >> 8), byte(ts), 0, 0, 0, 7}
	return append(b, voice().packets[number%voiceFrames]...)
}

// judge compares a frame with what was said then.
func (l *listener) judge(frame []int16) {
	playout := l.leg.State().Playout
	if !playout.Playing || playout.Next < 2*frameSize {
		return
	}
	first := playout.Next - frameSize
	sent := l.phase + time.Duration(first+frameSize)*tickTime/frameSize
	l.delays = append(l.delays, milliseconds(l.now-sent))
	if snr, speech := l.snr(frame, first); speech {
		l.snrs = append(l.snrs, snr)
	}
}

// snr is the signal-to-noise ratio of a frame that begins at a position of the voice, between 0 and 35 dB, as is the custom: beyond,
// nobody hears a difference. Pauses are not speech.
func (l *listener) snr(frame []int16, first int64) (db float64, speech bool) {
	var signal, noise float64
	undone := voice().undone
	for i, s := range frame {
		want := float64(undone[(first+int64(i))%int64(len(undone))])
		signal += want * want
		noise += (want - float64(s)) * (want - float64(s))
	}
	if signal < frameSize*100*100 { // -50 dBov
		return 0, false
	}
	return min(35, max(0, 10*math.Log10(signal/max(noise, 1)))), true
}
