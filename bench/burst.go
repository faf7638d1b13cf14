package main

import (
	"context"
	"time"

	"github.com/sipconf/sipconf/bench/phone"
)

// A beep is loud and a threshold is far below it, so that its first or second sample is over it.
const (
	beepHz        = 1000.0
	beepLevel     = -10.0
	beepThreshold = -32.0
	beepLength    = 60 * time.Millisecond
	beepEvery     = 800 * time.Millisecond
)

// mouthToEar lets one leg of each room beep in each round, the rooms spread over its first
// quarter, and measures when each other leg of the room hears it. missed counts those who heard it not exactly once.
func (l *load) mouthToEar(ctx context.Context) (times *phone.Histogram, missed int, err error) {
	times = &phone.Histogram{}
	rooms := make([][]*leg, l.o.rooms)
	for _, leg := range l.legs {
		rooms[leg.room] = append(rooms[leg.room], leg)
		leg.call.WatchOnsets(beepThreshold)
	}
	if err := pause(ctx, beepEvery); err != nil {
		return nil, 0, err
	}
	l.forgetOnsets()
	for round := range l.o.bursts {
		said := make([]*phone.Utterance, len(rooms))
		for i, legs := range rooms {
			said[i] = legs[round%len(legs)].call.Speak(phone.Burst(phone.Tone(beepHz, beepLevel), beepLength))
			if err := pause(ctx, beepEvery/4/time.Duration(len(rooms))); err != nil {
				return nil, 0, err
			}
		}
		if err := pause(ctx, beepEvery*3/4); err != nil {
			return nil, 0, err
		}
		for i, legs := range rooms {
			missed += collect(times, legs, round%len(legs), said[i].Began())
		}
	}
	return times, missed, nil
}

func (l *load) forgetOnsets() {
	for _, leg := range l.legs {
		leg.call.Onsets()
	}
}

// collect takes the onsets of a room.
func collect(times *phone.Histogram, legs []*leg, speaker int, began time.Time) (missed int) {
	for i, leg := range legs {
		switch after, as := beepHeard(leg.call.Onsets(), i == speaker, began); {
		case !as:
			missed++
		case i != speaker:
			times.Add(after)
		}
	}
	return missed
}

// beepHeard says how long after it began a beep was heard, and whether as it should be: by the one who spoke not at all, by everybody else once, and not before it was said. A zero
// time is one that the generator did not get round to.
func beepHeard(onsets []time.Time, spoke bool, began time.Time) (after time.Duration, as bool) {
	switch {
	case spoke:
		return 0, len(onsets) == 0
	case len(onsets) != 1 || began.IsZero() || onsets[0].Before(began):
		return 0, false
	}
	return onsets[0].Sub(began), true
}

// pause waits; the load generator lives in real time.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
