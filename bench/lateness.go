package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// lateness is how late the ticks of a sipconf began, as its metrics say: how many in all, and how many at most so late. The zero value
// knows of none. Plain data.
type lateness struct {
	bounds []time.Duration
	below  []uint64
	ticks  uint64
}

const latenessName = "sipconf_tick_lateness_seconds"

// lateness asks the server; nothing is known of one without metrics.
func (s *server) lateness(ctx context.Context) lateness {
	if s.figures == "" {
		return lateness{}
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	got, err := scrape(ctx, "http://"+s.figures+"/metrics")
	if err != nil {
		say("the lateness of the ticks is unknown: %v", err)
	}
	return got
}

func scrape(ctx context.Context, url string) (lateness, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return lateness{}, err
	}
	request.Close = true // the connection must not stay when the server goes
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return lateness{}, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return lateness{}, fmt.Errorf("%s: %s", url, response.Status)
	}
	return readLateness(response.Body)
}

// readLateness finds the histogram in the text format of Prometheus.
func readLateness(r io.Reader) (l lateness, err error) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		rest, ok := strings.CutPrefix(name, latenessName)
		if !ok {
			continue
		}
		count, _ := strconv.ParseFloat(value, 64) // 1e+06 is one
		n := uint64(count)
		if rest == "_count" {
			l.ticks = n
		}
		if le, ok := strings.CutPrefix(rest, `_bucket{le="`); ok && !strings.HasPrefix(le, "+Inf") {
			seconds, err := strconv.ParseFloat(strings.TrimSuffix(le, `"}`), 64)
			if err != nil {
				return lateness{}, fmt.Errorf("metrics: %q: %w", lines.Text(), err)
			}
			l.bounds = append(l.bounds, time.Duration(seconds*float64(time.Second)+0.5))
			l.below = append(l.below, n)
		}
	}
	return l, lines.Err()
}

// since is what has been added to another reading of the same server.
func (l lateness) since(before lateness) lateness {
	if !slices.Equal(l.bounds, before.bounds) {
		return lateness{}
	}
	l.below = slices.Clone(l.below)
	for i := range l.below {
		l.below[i] -= before.below[i]
	}
	l.ticks -= before.ticks
	return l
}

// plus is both together.
func (l lateness) plus(o lateness) lateness {
	if o.ticks == 0 || l.ticks > 0 && !slices.Equal(l.bounds, o.bounds) {
		return l
	}
	sum := lateness{o.bounds, slices.Clone(o.below), o.ticks + l.ticks}
	for i, n := range l.below {
		sum.below[i] += n
	}
	return sum
}

// later is the share of the ticks that began later than the i-th bound.
func (l lateness) later(i int) float64 { return 1 - float64(l.below[i])/float64(l.ticks) }
