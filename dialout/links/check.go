package links

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sipconf/sipconf/dialout"
)

// Limits of what may be configured.
const (
	leastTone = 40 * time.Millisecond // ITU-T Q.24: shorter ones need not be taken for keys
	mostTone  = time.Second
	leastLast = time.Second // the last wait is repeated for ever
)

// Check says what is wrong with links and lines, where all else is as in cfg. The error joins one [*dialout.Fault] for each fault, with paths
// such as "links[0].dtmf" and "lines[1].name".
func Check(links []Link, lines []Line, cfg dialout.Config) error {
	c := checker{links: links, lines: lines, cfg: cfg}
	rules, err := cfg.Rules.Compile()
	if err != nil {
		rules = &dialout.Rulebook{} // whoever checks the rules says so
	}
	for i := range lines {
		c.line(i)
	}
	seen := make(map[string]int)
	for i := range links {
		l := &links[i]
		c.link(i)
		key := l.Room + " " + string(rules.Key(l.Number))
		if first, twice := seen[key]; twice && l.Room != "" && l.Number != "" {
			c.add(fmt.Sprintf("links[%d].number", i), l.Number, "links[%d] connects room %s with the same number; a link has one call, so leave one of them out", first, l.Room)
			continue
		}
		seen[key] = i
	}
	return errors.Join(c.faults...)
}

type checker struct {
	links  []Link
	lines  []Line
	cfg    dialout.Config
	faults []error
}

func (c *checker) add(path, value, format string, args ...any) {
	c.faults = append(c.faults, &dialout.Fault{Path: path, Value: value, Err: fmt.Errorf(format, args...)})
}

// line looks at one line.
func (c *checker) line(i int) {
	l, path := &c.lines[i], fmt.Sprintf("lines[%d]", i)
	if l.Name == "" {
		c.add(path+".name", "", "it is missing; write the name that links give as their line")
	}
	for _, other := range c.lines[:i] {
		if other.Name == l.Name && l.Name != "" {
			c.add(path+".name", l.Name, "another line has this name; give each its own")
		}
	}
	if l.Capacity < 0 {
		c.add(path+".capacity", fmt.Sprint(l.Capacity), "write how many calls it takes at the same time")
	}
}

// link looks at one link.
func (c *checker) link(i int) {
	l, path := &c.links[i], fmt.Sprintf("links[%d]", i)
	if l.Room == "" {
		c.add(path+".room", "", "it is missing; write the number of the room that is to be connected")
	}
	if strings.ContainsFunc(l.Room, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		c.add(path+".room", l.Room, "it is no number of a room: write it as it is dialled, such as 354233")
	}
	if l.Number == "" {
		c.add(path+".number", "", "it is missing; write the number of the other conference")
	}
	c.way(l, path)
	if _, err := ParseScript(l.DTMF); err != nil {
		c.add(path+".dtmf", l.DTMF, "%w", err)
	}
	if l.Line != "" && !c.hasLine(l.Line) {
		c.add(path+".line", l.Line, "there is no line of this name; write one of those in lines")
	}
	for _, t := range []struct {
		name        string
		is          time.Duration
		least, most time.Duration
	}{
		{"tone", l.Tone, leastTone, mostTone}, {"gap", l.Gap, leastTone, 10 * time.Second},
		{"ended", l.Ended, time.Second, 24 * time.Hour}, {"lost", l.Lost, 2 * time.Second, time.Hour},
	} {
		if t.is != 0 && (t.is < t.least || t.is > t.most) {
			c.add(path+"."+t.name, t.is.String(), "write %v to %v", t.least, t.most)
		}
	}
	for n, wait := range l.Retry {
		if wait < 0 || wait > 24*time.Hour {
			c.add(fmt.Sprintf("%s.retry[%d]", path, n), wait.String(), "write 0s to 24h")
		}
	}
	if n := len(l.Retry); n > 0 && l.Retry[n-1] >= 0 && l.Retry[n-1] < leastLast {
		c.add(fmt.Sprintf("%s.retry[%d]", path, n-1), l.Retry[n-1].String(), "the last wait is that of all further attempts; write %v or more", leastLast)
	}
}

// way looks whether the number can be dialled.
func (c *checker) way(l *Link, path string) {
	if l.Trunk != "" && !c.hasTrunk(l.Trunk) {
		c.add(path+".trunk", l.Trunk, "there is no trunk of this name; write one of those in trunks")
		return
	}
	if l.Number == "" {
		return
	}
	switch cause := c.cfg.Reaches(l.Number, l.Trunk); cause {
	case "", dialout.Broken: // of which whoever checks rules and trunks says more
	case dialout.NoTrunk:
		if len(c.cfg.Trunks) == 0 {
			c.add(path+".number", l.Number, "there is no trunk to dial it over: write one in trunks")
		} else if l.Trunk != "" {
			c.add(path+".number", l.Number, "trunk %s does not take it: see its numbers, strip and prepend", l.Trunk)
		} else {
			c.add(path+".number", l.Number, "no trunk takes it: see numbers, strip and prepend of the trunks")
		}
	case dialout.BadNumber:
		c.add(path+".number", l.Number, "it is no number that can be dialled")
	case dialout.TooLong:
		c.add(path+".number", l.Number, "it has too many digits: see dialout.max_digits")
	case dialout.NotAllowed:
		c.add(path+".number", l.Number, "it may not be dialled: see dialout.allow and dialout.deny")
	case dialout.Loop:
		c.add(path+".number", l.Number, "it leads back to us (dialout.own), and the room would be connected with itself")
	default:
		c.add(path+".number", l.Number, "it cannot be dialled: %s", cause)
	}
}

func (c *checker) hasTrunk(name string) bool {
	for i := range c.cfg.Trunks {
		if c.cfg.Trunks[i].Name == name {
			return true
		}
	}
	return false
}

func (c *checker) hasLine(name string) bool {
	for _, l := range c.lines {
		if l.Name == name {
			return true
		}
	}
	return false
}
