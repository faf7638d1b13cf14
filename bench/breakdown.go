package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A contender breaks down when calls fail, or when people would hear it: more is lost, or never sent, or comes later than this.
// One lost packet is not enough, because on a shared machine the phones lose one now and then.
const (
	breakLost    = 0.001 // share of the packets
	breakNotSent = 0.01
	breakGap     = 60 * time.Millisecond // p99: two packets in a row are missing by then
	breakHeard   = 0.25                  // share of what should be heard and is not: an overloaded ConfBridge garbles it in time; one hiccup spoils a tenth
)

// breakdown says why the run is one of a contender that has broken down; empty: it held.
func breakdown(r *report, err error) string {
	if err != nil {
		line, _, _ := strings.Cut(err.Error(), "\n")
		return "calls fail: " + line
	}
	packets := float64(r.PacketsHeard + r.PacketsSent)
	due := float64(r.PacketsHeard) + float64(r.LostDown) + float64(r.NotSent)
	switch {
	case len(r.Dropped) > 0:
		return fmt.Sprintf("%d calls dropped", len(r.Dropped))
	case r.PacketsHeard == 0:
		return "nothing is heard"
	case float64(r.lost()) > breakLost*packets:
		return fmt.Sprintf("%.1f %% of the packets lost", 100*float64(r.lost())/packets)
	case float64(r.NotSent) > breakNotSent*due:
		return fmt.Sprintf("%.1f %% of the packets not sent", 100*float64(r.NotSent)/due)
	case r.GapP99 > milliseconds(breakGap):
		return fmt.Sprintf("p99 of the gaps %.0f ms", r.GapP99)
	case float64(r.unheard()) > breakHeard*float64(r.pairs()):
		return fmt.Sprintf("%d of %d tones not heard as they were sent", r.unheard(), r.pairs())
	case float64(r.BeepsMissed) > breakHeard*float64(r.Beeps)+breakHeard*float64(r.BeepsMissed):
		return fmt.Sprintf("%d of %d beeps not heard once", r.BeepsMissed, int(r.Beeps)+r.BeepsMissed)
	}
	return ""
}

// pairs is about how many pairs there are of a phone and a tone that it should hear; one for each phone where all is silent.
func (r *report) pairs() int {
	return min(r.Legs, looksMost) * r.inEars()
}

func (r *report) inEars() int { return max(1, min(r.Talkers, r.Legs/r.Rooms-1)) }

// unheard is how many of the pairs are not as they should be. Tones of others do not count: one gap smears a tone over hundreds of them.
func (r *report) unheard() int { return r.Tones.Missing + r.Tones.Unheard*r.inEars() }

// outcome is one run of one contender.
type outcome struct {
	shape  shape
	round  int
	report *report // nil: the run failed
	broke  string  // why it broke down; empty: it held
	stolen float64 // by the hypervisor from the beginning to the end, in percent of a core
}

// disturbed says that the machine was not ours: something else ran, or the hypervisor took it away. That the generator fell behind is no such thing: an
// overloaded contender takes its processor away.
func (o *outcome) disturbed() bool {
	return o.stolen > stolenMost || o.report != nil && o.report.disturbed()
}

// climbs says whether a contender is asked for that shape in that round: not if it has broken down in this round on the same way with as many
// legs or fewer, or with half as many in rooms of ten, while the machine was its own.
func (c *contender) climbs(s shape, round int) bool {
	for _, one := range c.runs {
		if one.round != round || one.broke == "" || one.disturbed() {
			continue
		}
		for _, on := range []way{inTens, inOne} {
			if on(one.shape) && on(s) && one.shape.legs <= s.legs {
				return false
			}
		}
		if inTens(one.shape) && 2*one.shape.legs <= s.legs {
			return false
		}
	}
	return true
}

// climbsAgain says whether a contender will be asked for that shape in the rounds to come, as far as one can know.
func (c *contender) climbsAgain(s shape) bool {
	for _, on := range []way{inTens, inOne} {
		if end, _, ended := c.ends(on); ended && (on(s) && s.legs > end.legs || inTens(end) && s.legs > 2*end.legs) {
			return false
		}
	}
	return true
}

// way is what the shapes have in common of which a contender is asked for more and more legs.
type way func(shape) bool

func inTens(s shape) bool { return s.rung }
func inOne(s shape) bool  { return s.rooms == 1 && s.talkers == bigTalkers }

// ends is the first step of a way at which most of the runs broke down, undisturbed; false if there is none.
func (c *contender) ends(on way) (at shape, why string, known bool) {
	for _, s := range c.steps(on) {
		broke, runs := 0, c.at(s)
		for _, one := range runs {
			if one.broke != "" && !one.disturbed() {
				broke++
				why = one.broke
			}
		}
		if 2*broke > len(runs) {
			return s, why, true
		}
	}
	return shape{}, "", false
}

// holds is the last step of a way below its end at which most of the runs held; false if there is none.
func (c *contender) holds(on way) (at shape, known bool) {
	end, _, ended := c.ends(on)
	for _, s := range c.steps(on) {
		held, runs := 0, c.at(s)
		for _, one := range runs {
			if one.broke == "" {
				held++
			}
		}
		if 2*held >= len(runs) && (!ended || s.legs < end.legs) {
			at, known = s, true
		}
	}
	return at, known
}

// doubts are the steps of a way at which it broke down in a run that was disturbed.
func (c *contender) doubts(on way) (at []string) {
	for _, s := range c.steps(on) {
		if slices.ContainsFunc(c.at(s), func(one outcome) bool { return one.broke != "" && one.disturbed() }) {
			at = append(at, s.String())
		}
	}
	return at
}

// steps are the shapes of a way with which it has run, upwards.
func (c *contender) steps(on way) (all []shape) {
	for _, one := range c.runs {
		if on(one.shape) && !slices.Contains(all, one.shape) {
			all = append(all, one.shape)
		}
	}
	slices.SortFunc(all, func(a, b shape) int { return a.legs - b.legs })
	return all
}

// counted are the runs of a shape of which the figures are told: those in which the machine was ours, or all, if it never was.
func (c *contender) counted(s shape) []outcome {
	all := c.at(s)
	ours := slices.DeleteFunc(slices.Clone(all), func(one outcome) bool { return one.disturbed() })
	if len(ours) > 0 {
		return ours
	}
	return all
}

// at is the runs of a shape.
func (c *contender) at(s shape) (runs []outcome) {
	for _, one := range c.runs {
		if one.shape == s {
			runs = append(runs, one)
		}
	}
	return runs
}
