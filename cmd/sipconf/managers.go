package main

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipconf/sipconf/asterisk/ami"
)

// managers is the connections to the manager interfaces of all PBXs.
type managers struct {
	clients  []*ami.Client
	labels   []string // of the PBXs
	panicked atomic.Uint64

	acting chan struct{} // holds one while an event is acted on, and while all of it is paused
}

// openManagers connects to all, now or whenever they are there. close ends it.
func openManagers(cfg *Config, s *server) *managers {
	m := &managers{acting: make(chan struct{}, 1)}
	upgrades := s.metrics.upgrades
	for _, pbx := range cfg.Asterisk.AMI {
		label := pbx.label()
		for _, outcome := range upgradeOutcomes {
			upgrades.WithLabelValues(label, outcome) // so that each is there from the beginning
		}
		u := &upgrader{
			pbx: pbx, admits: s.admits, panicked: &m.panicked, log: s.log, done: map[string]time.Time{},
			leads: func(number, room string) bool { return leads(s.plan, number, room) },
			count: func(outcome string) { upgrades.WithLabelValues(label, outcome).Inc() },
		}
		client := ami.New(ami.Config{ // ends in close
			Address: pbx.Address, Username: pbx.Username, Secret: string(pbx.Secret), Log: s.log,
			Hear: func(ctx context.Context, c *ami.Client, event ami.Message) {
				m.acting <- struct{}{}
				defer func() { <-m.acting }()
				u.during(c.Stats().Logins)
				u.hear(ctx, c, event)
			},
		})
		m.clients, m.labels = append(m.clients, client), append(m.labels, label)
	}
	s.metrics.registry.MustRegister(m)
	return m
}

// pause waits for the end of what an event has begun, and has those that come from now on wait until resume. The next process connects anew: nobody
// acts on an event of which this one knows.
func (m *managers) pause(ctx context.Context) error {
	select {
	case m.acting <- struct{}{}:
		return nil
	case <-ctx.Done():
		return errors.New("a call between two phones is just becoming a conference")
	}
}

// resume ends a pause.
func (m *managers) resume() { <-m.acting }

// close ends all connections, and waits. Safe to call twice.
func (m *managers) close() {
	for _, c := range m.clients {
		c.Close()
	}
}

var (
	amiUpDesc      = prometheus.NewDesc("sipconf_ami_up", "Whether there is a connection to the manager interface of that Asterisk.", []string{"pbx"}, nil)
	amiLoginsDesc  = prometheus.NewDesc("sipconf_ami_logins_total", "Connections to the manager interface so far.", []string{"pbx"}, nil)
	amiDroppedDesc = prometheus.NewDesc("sipconf_ami_events_dropped_total", "Events of the manager that were too large or came too fast.", []string{"pbx"}, nil)
)

// Describe and Collect make the managers a prometheus.Collector.
func (m *managers) Describe(c chan<- *prometheus.Desc) {
	c <- amiUpDesc
	c <- amiLoginsDesc
	c <- amiDroppedDesc
}

// Collect reads the figures of now.
func (m *managers) Collect(c chan<- prometheus.Metric) {
	for i, client := range m.clients {
		stats, up := client.Stats(), 0.0
		if stats.Up {
			up = 1
		}
		c <- prometheus.MustNewConstMetric(amiUpDesc, prometheus.GaugeValue, up, m.labels[i])
		c <- prometheus.MustNewConstMetric(amiLoginsDesc, prometheus.CounterValue, float64(stats.Logins), m.labels[i])
		c <- prometheus.MustNewConstMetric(amiDroppedDesc, prometheus.CounterValue, float64(stats.Dropped), m.labels[i])
	}
}
