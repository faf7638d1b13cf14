package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/sipconf/sipconf/bench/phone"
)

// asks gets a page of the monitor.
func (o *office) asks(path string) (status int, body string) {
	o.Helper()
	res, err := http.Get(fmt.Sprintf("http://%s%s", o.monitor.addr, path))
	if err != nil {
		o.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		o.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// figure is the value of a metric, as Prometheus would read it.
func (o *office) figure(name string) float64 {
	o.Helper()
	_, body := o.asks("/metrics")
	for line := range strings.Lines(body) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			number, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				o.Fatal(err)
			}
			return number
		}
	}
	o.Fatalf("no %s in\n%s", name, body)
	return 0
}

func TestE2EMetrics(t *testing.T) {
	o := newOffice(t, nil)
	anna := o.joins(phone.Config{Name: "Anna"}, "5234", 400)
	boris := o.joins(phone.Config{Name: "Boris"}, "5234", 600)
	o.hears("Anna", anna, []float64{600})
	if call, err := o.phone(phone.Config{}).Call(o.soon(), o.uri("nobody", "udp", true)); err == nil {
		call.Hangup(o.soon())
		t.Error("nobody answered")
	}
	for name, want := range map[string]float64{
		"sipconf_legs": 2, "sipconf_rooms": 1, "sipconf_participants": 2,
		`sipconf_calls_total{outcome="joined"}`: 2, `sipconf_calls_total{outcome="no_number"}`: 1, `sipconf_calls_total{outcome="room_full"}`: 0,
		"sipconf_panics_total": 0, "sipconf_rtp_packets_stranger_total": 0,
	} {
		if got := o.figure(name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	o.eventually("packets and ticks are counted", func() bool {
		return o.figure("sipconf_rtp_packets_received_total") >= 40 && o.figure("sipconf_rtp_packets_sent_total") >= 40 && o.figure("sipconf_ticks_total") >= 20
	})
	o.eventually("somebody's sound is held back", func() bool { return o.figure(`sipconf_playout_delay_seconds{quantile="1"}`) > 0 })
	if half, most := o.figure(`sipconf_playout_delay_seconds{quantile="0.5"}`), o.figure(`sipconf_playout_delay_seconds{quantile="1"}`); half > most || most > 0.2 {
		t.Errorf("half of the legs hold back %v s, one %v s", half, most)
	}
	received := o.figure("sipconf_rtp_packets_received_total")
	if n, sum := o.figure("sipconf_tick_lateness_seconds_count"), o.figure("sipconf_tick_lateness_seconds_sum"); n < 20 || sum <= 0 {
		t.Errorf("lateness of %v ticks, %v s in all", n, sum)
	}
	took := o.figure("sipconf_tick_duration_seconds_sum") // in this order, too
	if n, end := o.figure("sipconf_tick_duration_seconds_count"), o.figure("sipconf_tick_end_seconds_sum"); n < 20 || took <= 0 || took >= end {
		t.Errorf("%v ticks took %v s in all, and ended %v s after their time", n, took, end)
	}
	if some := o.figure(`sipconf_tick_duration_seconds_bucket{le="0.001"}`); some > o.figure(`sipconf_tick_duration_seconds_bucket{le="+Inf"}`) {
		t.Error("the buckets of the duration are not cumulative")
	}
	// In this order: they grow between the two questions.
	if some := o.figure(`sipconf_tick_lateness_seconds_bucket{le="0.001"}`); some > o.figure(`sipconf_tick_lateness_seconds_bucket{le="+Inf"}`) {
		t.Error("the buckets are not cumulative")
	}

	// What has been counted stays when the legs are gone.
	anna.Hangup(o.soon())
	boris.Hangup(o.soon())
	o.eventually("the legs are closed", func() bool { return o.figure("sipconf_legs") == 0 && o.figure("sipconf_rooms") == 0 })
	if got := o.figure("sipconf_rtp_packets_received_total"); got < received {
		t.Errorf("packets went back from %v to %v", received, got)
	}
}

func TestE2EHealthAndReadiness(t *testing.T) {
	o := newOffice(t, nil)
	if status, body := o.asks("/healthz"); status != 200 {
		t.Errorf("healthz: %d %s", status, body)
	}
	if status, _ := o.asks("/readyz"); status != 200 {
		t.Errorf("readyz: %d", status)
	}
	o.monitor.draining.Store(true)
	if status, _ := o.asks("/readyz"); status != 503 {
		t.Errorf("readyz while ending: %d", status)
	}
	if status, _ := o.asks("/"); status != 404 {
		t.Errorf("/: %d", status)
	}
}

// A media clock hangs: who watches the server learns it from the status, and when it is over.
func TestE2EHealthOfAClockThatStandsStill(t *testing.T) {
	o := newOffice(t, nil)
	released := make(chan struct{})
	release := sync.OnceFunc(func() { close(released) })
	t.Cleanup(release) // before the server's end, which waits for the clock
	if !o.engine.Loop().Do(func() { <-released }) {
		t.Fatal("the clock has ended")
	}
	if status, body := o.asks("/healthz"); status != 503 || !strings.Contains(body, "a media clock stands still") {
		t.Errorf("healthz while a clock stands still: %d %s", status, body)
	}
	if status, body := o.asks("/readyz"); status != 200 {
		t.Errorf("readyz, which is another question: %d %s", status, body)
	}
	release()
	o.eventually("it is healthy again", func() bool { status, _ := o.asks("/healthz"); return status == 200 })
}

func TestE2EMetricsPortIsTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	o := newOffice(t, func(c *Config) { c.Metrics.Listen = taken.Addr().String() })
	o.joins(phone.Config{Name: "Anna"}, "5234", 0) // it serves all the same
	if log := o.log.String(); !strings.Contains(log, "no metrics are served") || !strings.Contains(log, "metrics.listen") {
		t.Errorf("log: %s", log)
	}
}
