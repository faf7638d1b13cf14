package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sipconf/sipconf/control"
	"github.com/sipconf/sipconf/media"
)

// metrics are the figures of a server in Prometheus' words. They are read when
// somebody asks; only the calls are counted as they come.
type metrics struct {
	registry  *prometheus.Registry
	calls     *prometheus.CounterVec
	lookups   *prometheus.CounterVec
	members   *prometheus.CounterVec
	referrals *prometheus.CounterVec
	upgrades  *prometheus.CounterVec // of calls between two phones to conferences
}

// The outcomes by which calls are counted.
const (
	outcomeJoined     = "joined"
	outcomeNoNumber   = "no_number"
	outcomeLoop       = "loop"
	outcomeRoomFull   = "room_full"
	outcomeLocked     = "locked"
	outcomeServerFull = "server_full"
	outcomeUnanswered = "unanswered"
	outcomeReplaced   = "replaced" // it has taken the place of another
	outcomeNoPlace    = "no_place" // it has not, for that was in no room
)

// The outcomes of looking a group up.
const (
	lookupGood    = "found"
	lookupUnknown = "unknown"
	lookupSlow    = "slow"
	lookupFailed  = "failed"
)

func newMetrics(s *server) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sipconf_calls_total", Help: "Calls by what became of them.",
		}, []string{"outcome"}),
		lookups: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sipconf_group_lookups_total", Help: "Lookups of a group; slow: the store did not answer within 3 s, failed: it refused, or could not be reached.",
		}, []string{"outcome"}),
		members: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sipconf_group_members_total", Help: "Members of groups who were called, by what became of them.",
		}, []string{"outcome"}),
		referrals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sipconf_referrals_total", Help: "REFERs, which ask a room to call somebody or to send somebody away, by what became of them.",
		}, []string{"outcome"}),
		upgrades: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sipconf_upgrades_total", Help: "Calls between two phones that were to become a conference (*1), by what became of them.",
		}, []string{"pbx", "outcome"}),
	}
	for _, outcome := range []string{
		outcomeJoined, outcomeNoNumber, outcomeLoop, outcomeRoomFull, outcomeLocked, outcomeServerFull, outcomeUnanswered,
		outcomeReplaced, outcomeNoPlace,
	} {
		m.calls.WithLabelValues(outcome) // so that each is there from the beginning
	}
	for _, outcome := range []string{lookupGood, lookupUnknown, lookupSlow, lookupFailed} {
		m.lookups.WithLabelValues(outcome)
	}
	for _, outcome := range []string{referralDone, referralFailed, referralRefused} {
		m.referrals.WithLabelValues(outcome)
	}
	m.registry.MustRegister(m.calls, m.lookups, m.members, m.referrals, m.upgrades, (*figures)(s), (*trunkFigures)(s), (*linkFigures)(s),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), routines)
	return m
}

// routines is the one figure of Prometheus' collector for Go that tells a leak; the others would cost more than all of ours.
var routines = prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "go_goroutines", Help: "Goroutines that there are."},
	func() float64 { return float64(runtime.NumGoroutine()) })

// A figure is one number of the server.
type figure struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(*scrape) float64
}

// scrape is what one request of Prometheus is answered from.
type scrape struct {
	server *server
	media  media.Stats
	legs   media.LegStats
}

func gauge(name, help string, read func(*scrape) float64) figure {
	return figure{prometheus.NewDesc(name, help, nil, nil), prometheus.GaugeValue, read}
}

func counter(name, help string, read func(*scrape) float64) figure {
	return figure{prometheus.NewDesc(name, help, nil, nil), prometheus.CounterValue, read}
}

// all is every number, except histograms, quantiles, the calls and those of the process.
var all = []figure{
	gauge("sipconf_legs", "Legs that are open.", func(s *scrape) float64 { return float64(s.media.Legs) }),
	gauge("sipconf_rooms", "Rooms that exist.", func(s *scrape) float64 { return float64(s.server.rooms.Stats().Rooms) }),
	gauge("sipconf_participants", "Seats that are taken or reserved, in all rooms.", func(s *scrape) float64 { return float64(s.server.rooms.Stats().Seats) }),
	gauge("sipconf_dialogs", "SIP dialogs, ringing and ending ones included.", func(s *scrape) float64 { return float64(s.server.ua.Calls()) }),
	gauge("sipconf_port_pairs_used", "Pairs of RTP and RTCP ports in use.", func(s *scrape) float64 { return float64(s.media.Ports) }),

	gauge("sipconf_recordings", "Recordings that are not over.", func(s *scrape) float64 { return float64(s.server.rooms.Stats().Recordings) }),
	counter("sipconf_recording_samples_lost_total", "Samples, of 8,000 a second, that are missing in recordings because the disk was too slow or full.", func(s *scrape) float64 {
		return float64(s.server.rooms.Stats().RecordingLost)
	}),

	counter("sipconf_rtp_packets_received_total", "RTP packets of callers: sound, comfort noise, keys.", func(s *scrape) float64 { return float64(s.legs.PacketsIn) }),
	counter("sipconf_rtp_packets_sent_total", "RTP packets sent.", func(s *scrape) float64 { return float64(s.legs.PacketsOut) }),
	counter("sipconf_rtp_packets_lost_total", "RTP packets that never came, by sequence number.", func(s *scrape) float64 { return max(0, float64(s.legs.Lost)) }),
	counter("sipconf_rtp_packets_late_total", "RTP packets that came too late to be played.", func(s *scrape) float64 { return float64(s.legs.Late) }),
	counter("sipconf_rtp_packets_stranger_total", "RTP packets from somebody who is not the caller; dropped.", func(s *scrape) float64 { return float64(s.legs.Strangers) }),
	counter("sipconf_rtp_packets_unknown_type_total", "RTP packets of a payload type that was not agreed; dropped.", func(s *scrape) float64 { return float64(s.legs.UnknownType) }),
	counter("sipconf_rtp_packets_malformed_total", "Datagrams on RTP ports that are no RTP; dropped.", func(s *scrape) float64 { return float64(s.legs.Malformed) }),
	counter("sipconf_rtp_send_failures_total", "RTP packets that the kernel did not take.", func(s *scrape) float64 { return float64(s.legs.SendFailed) }),
	counter("sipconf_concealed_seconds_total", "Sound that was made up because none had come.", func(s *scrape) float64 { return s.legs.Concealed.Seconds() }),
	counter("sipconf_discarded_seconds_total", "Sound that was cut out to keep the delay short.", func(s *scrape) float64 { return s.legs.Discarded.Seconds() }),
	counter("sipconf_keys_total", "Keys pressed, by RTP.", func(s *scrape) float64 { return float64(s.legs.Presses) }),

	counter("sipconf_ticks_total", "Ticks of the media clocks.", func(s *scrape) float64 { return float64(s.media.Ticks) }),
	counter("sipconf_ticks_late_total", "Ticks that began 5 ms or more after their time.", func(s *scrape) float64 { return float64(s.media.LateTicks) }),
	counter("sipconf_ticks_skipped_total", "Ticks that never ran; everybody hears a gap.", func(s *scrape) float64 { return float64(s.media.Skipped) }),

	counter("sipconf_panics_total", "Panics that were survived: please report them.", func(s *scrape) float64 {
		return float64(s.server.panics())
	}),
	counter("sipconf_sip_refused_total", "SIP requests refused.", func(s *scrape) float64 { return float64(s.server.ua.Counters.Refused.Load()) }),
	counter("sipconf_sip_untrusted_total", "SIP requests from outside sip.trusted.", func(s *scrape) float64 { return float64(s.server.ua.Counters.Untrusted.Load()) }),
	counter("sipconf_sip_malformed_total", "SIP messages that could not be read.", func(s *scrape) float64 { return float64(s.server.ua.Counters.Malformed.Load()) }),
	counter("sipconf_events_dropped_total", "Events that did not get into the log because it could not keep up.", func(s *scrape) float64 { return float64(s.server.rooms.Stats().EventsDropped) }),
}

var (
	latenessDesc = prometheus.NewDesc("sipconf_tick_lateness_seconds", "How long after their time ticks began.", nil, nil)
	durationDesc = prometheus.NewDesc("sipconf_tick_duration_seconds", "How long ticks took, from their beginning to their end.", nil, nil)
	endDesc      = prometheus.NewDesc("sipconf_tick_end_seconds", "How long after their time ticks had ended; at 0.02 the clock is full.", nil, nil)
	watchedDesc  = prometheus.NewDesc("sipconf_subscriptions", "Telephones that are told of something: conference, who is in a room; dialog, whether anybody is; refer, what becomes of a REFER.", []string{"event"}, nil)
	playoutDesc  = prometheus.NewDesc("sipconf_playout_delay_seconds", "How much sound is held back in the jitter buffers, over all legs that play, now.", []string{"quantile"}, nil)
)

// playoutQuantiles are those of the legs: half of them, nearly all, and the one that waits most.
var playoutQuantiles = []float64{0.5, 0.9, 0.99, 1}

// tickBounds are the buckets of the histograms of ticks.
var tickBounds = []time.Duration{
	100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond, time.Millisecond, 2500 * time.Microsecond,
	5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond, 40 * time.Millisecond,
}

// figures is a server as a prometheus.Collector.
type figures server

func (f *figures) Describe(c chan<- *prometheus.Desc) {
	for _, one := range all {
		c <- one.desc
	}
	c <- latenessDesc
	c <- durationDesc
	c <- endDesc
	c <- playoutDesc
	c <- watchedDesc
}

func (f *figures) Collect(c chan<- prometheus.Metric) {
	s := &scrape{server: (*server)(f), media: f.engine.Stats(), legs: f.engine.Totals()}
	for _, one := range all {
		c <- prometheus.MustNewConstMetric(one.desc, one.kind, one.read(s))
	}
	watched := f.ua.Subscriptions()
	for _, event := range []string{conferenceEvent, dialogEvent, "refer"} {
		c <- prometheus.MustNewConstMetric(watchedDesc, prometheus.GaugeValue, float64(watched[event]), event)
	}
	ticks := f.engine.Distributions(tickBounds)
	c <- histogramOf(latenessDesc, ticks.Lateness)
	c <- histogramOf(durationDesc, ticks.Duration)
	c <- histogramOf(endDesc, ticks.End)
	for i, delay := range f.engine.PlayoutDelays(playoutQuantiles...) {
		quantile := strconv.FormatFloat(playoutQuantiles[i], 'g', -1, 64)
		c <- prometheus.MustNewConstMetric(playoutDesc, prometheus.GaugeValue, delay.Seconds(), quantile)
	}
}

func histogramOf(desc *prometheus.Desc, d media.Distribution) prometheus.Metric {
	buckets := make(map[float64]uint64, len(d.Below))
	for bound, n := range d.Below {
		buckets[bound.Seconds()] = n
	}
	return prometheus.MustNewConstHistogram(desc, d.Count, d.Sum.Seconds(), buckets)
}

// monitor serves /metrics, /healthz and /readyz. The zero value serves nothing.
type monitor struct {
	listener  net.Listener // nil: nobody wants to know
	http      *http.Server // nil: it does not serve yet
	addr      net.Addr
	turnstile control.Turnstile
	draining  atomic.Bool
	served    sync.WaitGroup
}

// openMonitor listens on an address; an empty one means that nobody wants to
// know. That the port is taken is no reason not to run a conference.
func openMonitor(address string, own *generation, log *slog.Logger) *monitor {
	m := &monitor{}
	if address == "" {
		return m
	}
	l, err := own.listen("tcp", address)
	if err != nil {
		hint := "see metrics.listen"
		if errors.Is(err, syscall.EADDRINUSE) {
			hint = "another program has the port, Prometheus itself perhaps: choose another one in metrics.listen, or \"\" for none"
		}
		log.Warn("no metrics are served: "+hint, "listen", address, "err", err)
		return m
	}
	m.listener, m.addr = l, l.Addr()
	return m
}

// serve answers from now on, until close.
func (m *monitor) serve(s *server) {
	if m.listener == nil {
		return
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn)}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { m.health(w, s) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { m.ready(w) })
	m.http = &http.Server{
		Handler: m.turnstile.Handler(mux, nil), ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second, ConnState: m.turnstile.Note,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	m.served.Go(func() { m.http.Serve(m.turnstile.Listener(m.listener)) }) // ends by close
}

// health says whether the media clocks run: a function sent there comes back.
func (m *monitor) health(w http.ResponseWriter, s *server) {
	if !s.engine.Beats(time.Second) {
		http.Error(w, "a media clock stands still", http.StatusServiceUnavailable)
		return
	}
	w.Write([]byte("ok\n"))
}

// ready says whether new calls are taken.
func (m *monitor) ready(w http.ResponseWriter) {
	if m.draining.Load() {
		http.Error(w, "ending: no new calls", http.StatusServiceUnavailable)
		return
	}
	w.Write([]byte("ready\n"))
}

// pause has who asks wait from now on, and waits for the end of the answers that are under way.
func (m *monitor) pause(ctx context.Context) error { return m.turnstile.Hold(ctx) }

// resume ends a pause.
func (m *monitor) resume() { m.turnstile.Release() }

// leave is close when another process has the listener.
func (m *monitor) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	m.turnstile.Leave(ctx)
	m.close()
}

// close ends the monitor and waits for it. Idempotent.
func (m *monitor) close() {
	switch {
	case m.http != nil:
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if m.http.Shutdown(ctx) != nil {
			m.http.Close()
		}
	case m.listener != nil:
		m.listener.Close()
	}
	m.served.Wait()
}
