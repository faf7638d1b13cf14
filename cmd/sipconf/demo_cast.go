package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/sipconf/sipconf/bench/phone"
)

// A cast is the demo's callers with their phones, all of them outside the server: they reach it by
// SIP and RTP as any phone does.  Not safe for concurrent use.
type cast struct {
	callers []caller
	pump    *phone.Pump
	phones  []*phone.Phone
	calls   []*phone.Call // of callers[i], in the room
}

// A scene is one thing that is said in the room.
type scene struct {
	title    string
	speakers []int     // indices of callers
	said     [][]int16 // by each of the speakers
}

const (
	joinPause  = 600 * time.Millisecond // between two who join, so that one can follow it
	scenePause = 400 * time.Millisecond // after a scene; what was said has arrived everywhere by then
	turnPause  = 2 * time.Second        // between turns when the check is over
	patience   = 5 * time.Second        // for an answer of the server on the loopback
	humLength  = 1.5                    // s
)

// memory is how much of what it hears a phone keeps for the check: the longest scene and its pause.
const memory = 5 * time.Second

func newCast(callers []caller) *cast {
	return &cast{callers: callers, pump: phone.NewPump()}
}

// join makes the callers dial the room one after the other.  The first one's recording begins.
func (c *cast) join(ctx context.Context, screen *screen, server netip.AddrPort) error {
	uri := fmt.Sprintf("sip:%s@%s", demoRoom, server)
	for _, who := range c.callers {
		p, err := phone.New(phone.Config{
			Local: netip.AddrPortFrom(server.Addr(), 0),
			Name:  who.name, Number: who.number, Pump: c.pump, Memory: memory,
		})
		if err != nil {
			return fmt.Errorf("a phone for %s: %w", who.name, err)
		}
		c.phones = append(c.phones, p)
		dialling, cancel := context.WithTimeout(ctx, patience)
		call, err := p.Call(dialling, uri)
		cancel()
		if err != nil {
			return fmt.Errorf("%s dials: %w", who.name, err)
		}
		if len(c.calls) == 0 {
			call.Record()
		}
		c.calls = append(c.calls, call)
		screen.say("%s (%s) has joined.", who.name, who.number)
		if !pause(ctx, joinPause) {
			return ctx.Err()
		}
	}
	return nil
}

// scenes are the turns of each of the callers, and then all of them at once.
func (c *cast) scenes() []scene {
	together := scene{title: "All at once"}
	var scenes []scene
	for i, who := range c.callers {
		scenes = append(scenes, scene{who.name + " speaks", []int{i}, [][]int16{who.voice.phrase()}})
		together.speakers = append(together.speakers, i)
		together.said = append(together.said, who.voice.hum(humLength))
	}
	return append(scenes, together)
}

// play has a scene spoken and judges what everybody heard.
func (c *cast) play(ctx context.Context, s scene) ([]verdict, error) {
	length := c.speak(ctx, s)
	if !pause(ctx, scenePause) {
		return nil, ctx.Err()
	}
	heard := make([][]int16, len(c.calls))
	for i, call := range c.calls {
		select {
		case <-call.Done():
			return nil, fmt.Errorf("%s was hung up: %v", c.callers[i].name, call.Ending())
		default:
		}
		heard[i] = call.Last(length + scenePause)
	}
	if len(s.speakers) == 1 {
		return []verdict{judgeTurn(s.title, c.callers, s.speakers[0], s.said[0], heard)}, nil
	}
	return judgeTogether(s.title, c.callers, s.said, heard), nil
}

// speak has the scene spoken, waits for its end and returns how long it was.
func (c *cast) speak(ctx context.Context, s scene) time.Duration {
	var longest time.Duration
	var spoken []*phone.Utterance
	for i, speaker := range s.speakers {
		spoken = append(spoken, c.calls[speaker].Speak(phone.Samples(s.said[i])))
		longest = max(longest, duration(s.said[i]))
	}
	for _, u := range spoken {
		select {
		case <-u.Done():
		case <-ctx.Done():
		}
	}
	return longest
}

// goOn has the callers go on taking turns until ctx ends, for whoever may dial in.
func (c *cast) goOn(ctx context.Context) {
	scenes := c.scenes()
	for i := 0; pause(ctx, turnPause); i++ {
		c.speak(ctx, scenes[i%len(c.callers)])
	}
}

// writeWAV writes what the first caller has heard so far and returns how long it is.
func (c *cast) writeWAV(path string) (time.Duration, error) {
	heard := c.calls[0].Recording()
	file, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	if err := phone.WriteWAV(file, heard); err != nil {
		file.Close()
		return 0, err
	}
	return duration(heard), file.Close()
}

// close hangs up and closes the phones, all at the same time.
func (c *cast) close() {
	var closing sync.WaitGroup
	for _, p := range c.phones {
		closing.Go(p.Close)
	}
	closing.Wait()
	c.pump.Close()
}

// duration is how long the samples last.
func duration(samples []int16) time.Duration {
	return time.Duration(len(samples)) * time.Second / sampleRate
}

// pause waits, and says whether ctx is still good.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
