package phone

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"
)

// Speak says a source from the next packet on, instead of what was said before. nil: silence.
func (c *Call) Speak(source Source) *Utterance { return c.line.say(source) }

// Mute sends silence while it is on; the source runs on unheard.
func (c *Call) Mute(on bool) {
	c.line.mu.Lock()
	defer c.line.mu.Unlock()
	c.line.muted = on
}

// StopMedia makes the phone send no RTP and no RTCP any more; SIP goes on.
func (c *Call) StopMedia() {
	c.line.mu.Lock()
	defer c.line.mu.Unlock()
	c.line.dead = true
}

// DTMF describes key presses by RFC 4733. The zero values are a 100 ms press with all its packets.
type DTMF struct {
	Length   time.Duration
	LostHead int // so many packets at the begin get lost on the way
	LostTail int // and so many of the three end packets
}

// SendDTMF presses keys (0-9 * # A-D) one after the other and returns when the last has been sent.
func (c *Call) SendDTMF(ctx context.Context, digits string) error {
	return c.PressKeys(ctx, digits, DTMF{})
}

// PressKeys is SendDTMF with a manner of its own.
func (c *Call) PressKeys(ctx context.Context, digits string, how DTMF) error {
	if how.Length == 0 {
		how.Length = 100 * time.Millisecond
	}
	last, err := c.line.press(digits, how)
	if err != nil || last == nil {
		return err
	}
	select {
	case <-last.done:
		return nil
	case <-c.done:
		return errors.New("call has ended")
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// press queues key presses and returns the last.
func (l *line) press(digits string, how DTMF) (last *press, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.eventPT == 0 || l.closed {
		return nil, errors.New("dtmf: no telephone-event agreed")
	}
	var presses []*press
	for _, digit := range []byte(digits) {
		p, ok := newPress(digit, how.Length)
		if !ok {
			return nil, fmt.Errorf("dtmf: no key %q", digit)
		}
		p.skipHead, p.skipTail = how.LostHead, how.LostTail
		presses, last = append(presses, p), p
	}
	l.presses = append(l.presses, presses...)
	return last, nil
}

// SendInfo presses one key by INFO: application/dtmf-relay, or application/dtmf if relay is false.
func (c *Call) SendInfo(ctx context.Context, digit byte, relay bool) error {
	kind, body := "application/dtmf", string(digit)
	if relay {
		kind, body = "application/dtmf-relay", fmt.Sprintf("Signal=%c\r\nDuration=160\r\n", digit)
	}
	r, err := c.Request(ctx, "INFO", []byte(body), Header{"Content-Type", kind})
	if err == nil && r.Status >= 300 {
		err = &StatusError{"INFO", r}
	}
	return err
}

// SendRTP sends one packet of any payload type now, in the sequence of the call's own packets: comfort noise, an unknown
// type, nonsense.
func (c *Call) SendRTP(pt uint8, marker bool, payload []byte) {
	c.line.mu.Lock()
	defer c.line.mu.Unlock()
	if !c.line.closed && c.line.remote.IsValid() {
		c.line.packet(pt, marker, c.line.ts, append(make([]byte, 12), payload...))
	}
}

// ChangeSSRC begins another RTP stream, as a phone does whose sound comes from somewhere else (RFC 3550 8.2).
func (c *Call) ChangeSSRC(ssrc uint32, seq uint16, ts uint32) {
	c.line.mu.Lock()
	defer c.line.mu.Unlock()
	c.line.ssrc, c.line.seq, c.line.ts, c.line.marker = ssrc, seq, ts, true
}

// SSRC is that of the packets we send.
func (c *Call) SSRC() uint32 {
	c.line.mu.Lock()
	defer c.line.mu.Unlock()
	return c.line.ssrc
}

// Sent is the number of RTP packets sent.
func (c *Call) Sent() uint64 {
	c.line.mu.Lock()
	defer c.line.mu.Unlock()
	return c.line.sent
}

// Heard is what came since the call began or since ResetHeard.
func (c *Call) Heard() Heard {
	c.line.mu.Lock()
	defer c.line.mu.Unlock()
	return c.line.ear.stats()
}

// Mark adds the times between packets of Heard to a histogram, and says how many samples have been heard in all: the cheaper way when only that is
// asked for.
func (c *Call) Mark(gaps *Histogram) (position int64) {
	c.line.mu.Lock()
	defer c.line.mu.Unlock()
	gaps.Merge(&c.line.ear.gaps)
	return c.line.ear.head
}

// Between returns what was heard from one position to another, as far as it is still kept.
func (c *Call) Between(from, to int64) []int16 {
	c.line.mu.Lock()
	defer c.line.mu.Unlock()
	e := c.line.ear
	pcm := e.last(int(e.head - max(0, from)))
	return pcm[:max(0, len(pcm)-int(e.head-min(to, e.head)))]
}

// ResetHeard begins to count anew. What was heard stays in the memory.
func (c *Call) ResetHeard() {
	c.line.mu.Lock()
	defer c.line.mu.Unlock()
	c.line.ear.reset()
}

// Last returns the last samples heard, d of them or fewer, bounded by Config.Memory.
func (c *Call) Last(d time.Duration) []int16 {
	c.line.mu.Lock()
	defer c.line.mu.Unlock()
	return c.line.ear.last(samplesIn(d))
}

// hearing is the window of Hear: long enough to tell tones apart that are 15 Hz from each other.
const hearing = 400 * time.Millisecond

// Hear is the level in dBFS of a tone within the last 400 ms.
func (c *Call) Hear(hz float64) float64 { return ToneLevel(c.Last(hearing), hz) }

// Loudness is the peak level in dBFS of the last d.
func (c *Call) Loudness(d time.Duration) float64 { return PeakLevel(c.Last(d)) }

// AwaitTone waits until a tone is heard at dBFS, give or take tolerance, over the whole window of Hear.
func (c *Call) AwaitTone(ctx context.Context, hz, dBFS, tolerance float64) error {
	level := Floor
	err := c.Await(ctx, func(c *Call) bool {
		level = c.Hear(hz)
		return len(c.Last(hearing)) == samplesIn(hearing) && math.Abs(level-dBFS) <= tolerance
	})
	if err != nil {
		return fmt.Errorf("%.0f Hz at %.1f dBFS instead of %.1f: %w", hz, level, dBFS, err)
	}
	return nil
}

// AwaitBelow waits until a tone is heard no louder than dBFS.
func (c *Call) AwaitBelow(ctx context.Context, hz, dBFS float64) error {
	level := 0.0
	err := c.Await(ctx, func(c *Call) bool {
		level = c.Hear(hz)
		return len(c.Last(hearing)) == samplesIn(hearing) && level <= dBFS
	})
	if err != nil {
		return fmt.Errorf("%.0f Hz at %.1f dBFS, not below %.1f: %w", hz, level, dBFS, err)
	}
	return nil
}

// Digits returns the keys that the peer pressed (RFC 4733) and forgets them.
func (c *Call) Digits() string {
	c.line.mu.Lock()
	defer c.line.mu.Unlock()
	digits := string(c.line.ear.digits)
	c.line.ear.digits = nil
	return digits
}

// Record begins to keep all that is heard, an hour at most.
func (c *Call) Record() {
	c.line.mu.Lock()
	defer c.line.mu.Unlock()
	e := c.line.ear
	e.records, e.recording, e.recordPos = true, nil, e.head
}

// Recording is what was heard since Record, as PCM at Rate. The recording goes on.
func (c *Call) Recording() []int16 {
	c.line.mu.Lock()
	defer c.line.mu.Unlock()
	return append([]int16(nil), c.line.ear.recording...)
}

// WatchOnsets begins to note when something louder than dBFS begins after 50 ms of quiet.
func (c *Call) WatchOnsets(dBFS float64) {
	c.line.mu.Lock()
	defer c.line.mu.Unlock()
	c.line.ear.threshold = int16(max(1, min(32767, amplitude(dBFS))))
	c.line.ear.quiet, c.line.ear.onsets = 0, nil
}

// Onsets returns the ear times of the onsets noted since it was last asked.
func (c *Call) Onsets() []time.Time {
	c.line.mu.Lock()
	defer c.line.mu.Unlock()
	onsets := c.line.ear.onsets
	c.line.ear.onsets = nil
	return onsets
}
