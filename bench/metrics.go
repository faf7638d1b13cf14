package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// metrics is what a sipconf says of itself, as Prometheus reads it. The zero value says nothing. Plain data.
type metrics struct {
	known     bool
	lateness  lateness
	concealed time.Duration // sound that was made up because none had come
	discarded time.Duration // sound that was cut out to keep the delay short
	received  int64         // packets
	skipped   int64         // ticks that were left out
	routines  int           // of the process
}

const (
	latenessName  = "sipconf_tick_lateness_seconds"
	concealedName = "sipconf_concealed_seconds_total"
	discardedName = "sipconf_discarded_seconds_total"
	receivedName  = "sipconf_rtp_packets_received_total"
	routinesName  = "go_goroutines"
	skippedName   = "sipconf_ticks_skipped_total"
)

// scrapeEvery is how often the metrics are asked for while all speak. Prometheus asks every 15 s, or every minute.
const scrapeEvery = 5 * time.Second

// watch asks at once and then again and again, until the context ends: what it costs to be watched is part of the server's CPU.
func (s *server) watch(ctx context.Context, every time.Duration) {
	if s.figures == "" {
		return
	}
	next := time.NewTicker(every)
	defer next.Stop()
	for {
		s.metrics(ctx)
		select {
		case <-next.C:
		case <-ctx.Done():
			return
		}
	}
}

// metrics asks the server; nothing is known of one without metrics.
func (s *server) metrics(ctx context.Context) metrics {
	if s.figures == "" {
		return metrics{}
	}
	limited, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	got, err := scrape(limited, "http://"+s.figures+"/metrics")
	if err != nil && ctx.Err() == nil {
		say("the metrics are unknown: %v", err)
	}
	return got
}

// scraper leaves no connection open at the server, also none that was made in vain when all had spoken.
var scraper = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

func scrape(ctx context.Context, url string) (metrics, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return metrics{}, err
	}
	response, err := scraper.Do(request)
	if err != nil {
		return metrics{}, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return metrics{}, fmt.Errorf("%s: %s", url, response.Status)
	}
	return readMetrics(response.Body)
}

// readMetrics finds ours in the text format of Prometheus. They are known when the sound that was made up is among them.
func readMetrics(r io.Reader) (m metrics, err error) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		name, text, _ := strings.Cut(lines.Text(), " ")
		value, _ := strconv.ParseFloat(text, 64) // 1e+06 is one
		switch name {
		case concealedName:
			m.known, m.concealed = true, seconds(value)
		case discardedName:
			m.discarded = seconds(value)
		case receivedName:
			m.received = int64(value)
		case skippedName:
			m.skipped = int64(value)
		case routinesName:
			m.routines = int(value)
		default:
			if rest, ok := strings.CutPrefix(name, latenessName); ok {
				if err := m.lateness.read(rest, uint64(value)); err != nil {
					return metrics{}, fmt.Errorf("metrics: %q: %w", lines.Text(), err)
				}
			}
		}
	}
	return m, lines.Err()
}

func seconds(s float64) time.Duration { return time.Duration(s*float64(time.Second) + 0.5) }

// grown is what was added to a counter that begins at 0 in another process.
func grown(before, now int64) int64 {
	if now < before {
		return now
	}
	return now - before
}

// since is what has been added to another reading of the same server.
func (m metrics) since(before metrics) metrics {
	if !m.known || !before.known {
		return metrics{}
	}
	return metrics{known: true, lateness: m.lateness.since(before.lateness), concealed: m.concealed - before.concealed, discarded: m.discarded - before.discarded,
		received: m.received - before.received, skipped: grown(before.skipped, m.skipped), routines: m.routines}
}
