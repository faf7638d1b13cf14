package media

// Keying is how far we are with the keys that we send.  What it does in a frame depends on the timestamps alone, which go on by the clock,
// so that a key of which ticks were skipped is no longer than it was to be.
//
//	      a key that is an event, one packet a frame, of 20 ms
//	+-------+-------+-------+-------+-------+-------+-------+-------+-------+-------+-------+
//	| sound | begin |       |       |  end  |  end  |  end  | rest  | begin |       |  ...
//	+-------+-------+-------+-------+-------+-------+-------+-------+-------+-------+-------+
//	        ts      duration rises          same ts and duration    ts + 7 frames
//	        <---------- length ------------><------- gap ---------->
//
// In the sound there are the two tones of the key in the place of the event, and silence in the place of the last two ends.  Nothing
// else is sent until the gap behind the last key is over.  While the peer is on hold, or without an address, no key begins; one that has
// begun goes on to its end.
//
// Plain data; the zero value has nothing to send.  Pure; owned by the leg's owner.
type Keying struct {
	Begin uint32 // the timestamp of the beginning of what is under way
	Up    uint32 // of its end, when it has ended
	Now   Beat   // is under way
	Event bool   // what is under way is an event
	Ends  uint8  // how many of its end packets were sent
	Keys  Keys   // that are to be sent
	Next  uint8  // which of them comes next
	Phase KeyPhase
}

// KeyPhase is where a stroke is.
type KeyPhase uint8

const (
	keyNone KeyPhase = iota // none is under way
	keyDown                 // it sounds, or is waited
	keyUp                   // the gap behind it
)

// endings is how often the end of an event is told: RFC 4733 section 2.5.1.4.
const endings = 3

// part is what a frame has of the keys.
type part uint8

const (
	partNone  part = iota // nothing: it is the room's
	partRest              // silence
	partTone              // of a key
	partEvent             // one packet of an event
)

// cue says what is to be sent in a frame.
type cue struct {
	part       part
	key        byte
	at, length uint32 // of a tone: how much of it was before, and how long it is
	ts         uint32 // of an event, and
	duration   uint16 // up to the end of this frame
	first, end bool
}

// active says whether there is anything to send.
func (k *Keying) active() bool { return k.Phase != keyNone || k.Next < k.Keys.Count }

// set has keys sent in the place of those that wait.  A key that is under way ends with the next frame, which begins at ts, and has its
// end told; a wait ends at once.
func (k *Keying) set(keys Keys, ts, units uint32) {
	switch {
	case k.Phase != keyNone && k.Now.Key == 0:
		k.Phase = keyNone
	case k.Phase == keyDown:
		k.Now.Length, k.Now.Gap = min(k.Now.Length, uint16((ts-k.Begin)/units)+1), frames(leastStroke)
	case k.Phase == keyUp:
		k.Now.Gap = min(k.Now.Gap, frames(leastStroke))
	}
	k.Keys, k.Next = keys, 0
}

// frame is what is sent in the frame that begins at ts and has so many timestamp units.  free says whether a key may begin, events whether
// it can be an event.
func (k *Keying) frame(ts, units uint32, free, events bool) cue {
	for {
		switch k.Phase {
		case keyNone:
			switch {
			case k.Next >= k.Keys.Count:
				*k = Keying{}
				return cue{}
			case !free:
				return cue{part: partRest}
			}
			k.Now, k.Phase, k.Begin, k.Ends = k.Keys.Beats[k.Next], keyDown, ts, 0
			k.Event = events && !k.Keys.InSound && k.Now.Key != 0
			k.Next++
		case keyDown:
			if c := k.down(ts, units, events); c.part != partNone {
				return c
			}
			k.Phase, k.Up, k.Ends = keyUp, ts, endings
		case keyUp:
			if k.Ends < endings && events {
				k.Ends++
				return k.event(k.Up-k.Begin, false, true)
			}
			if int32(ts-k.Up) < int32(uint32(k.Now.Gap)*units) {
				return cue{part: partRest}
			}
			k.Phase = keyNone
		}
	}
}

// down is frame while a key is down; partNone: it is over.
func (k *Keying) down(ts, units uint32, events bool) cue {
	past, length := ts-k.Begin, uint32(k.Now.Length)*units
	switch {
	case k.Event && !events: // another negotiation has it that there are none
		return cue{}
	case k.Event:
		end := past+units >= length || past+2*units > 0xffff
		if end {
			k.Phase, k.Up, k.Ends = keyUp, ts+units, 1
		}
		return k.event(past+units, past == 0, end)
	case past >= length:
		return cue{}
	case k.Now.Key == 0:
		return cue{part: partRest}
	}
	return cue{part: partTone, key: k.Now.Key, at: past, length: length}
}

// event is a packet of the key that has lasted so long.
func (k *Keying) event(duration uint32, first, end bool) cue {
	return cue{part: partEvent, key: k.Now.Key, ts: k.Begin, duration: uint16(min(duration, 0xffff)), first: first, end: end}
}
