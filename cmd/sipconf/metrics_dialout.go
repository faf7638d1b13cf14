package main

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipconf/sipconf/dialout"
)

// memberChanged counts what becomes of the members of groups.
func (m *metrics) memberChanged(c dialout.GroupChange) {
	if !c.State.UnderWay() {
		m.members.WithLabelValues(c.State.String()).Inc()
	}
}

var (
	trunkUpDesc       = prometheus.NewDesc("sipconf_trunk_up", "Whether the trunk answers its probe; 1 without one.", []string{"trunk"}, nil)
	trunkCallsDesc    = prometheus.NewDesc("sipconf_trunk_calls", "Lines of the trunk in use.", []string{"trunk"}, nil)
	trunkInvitesDesc  = prometheus.NewDesc("sipconf_trunk_invites_total", "INVITEs sent over the trunk.", []string{"trunk"}, nil)
	trunkAnsweredDesc = prometheus.NewDesc("sipconf_trunk_answered_total", "INVITEs over the trunk that were answered.", []string{"trunk"}, nil)
	trunkFailoverDesc = prometheus.NewDesc("sipconf_trunk_failovers_total", "INVITEs after which the next trunk was tried.", []string{"trunk"}, nil)
	dialsDesc         = prometheus.NewDesc("sipconf_dialouts", "People who are being called now.", nil, nil)
	waitingDesc       = prometheus.NewDesc("sipconf_dialouts_waiting", "Those of them who wait for a line.", nil, nil)
	dialledDesc       = prometheus.NewDesc("sipconf_dialouts_total", "People who were called, by how it ended; code is the last SIP status, 0 for none.",
		[]string{"outcome", "cause", "code"}, nil)
)

// trunkFigures are the dialler's figures as a prometheus.Collector.
type trunkFigures server

func (f *trunkFigures) Describe(c chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{
		trunkUpDesc, trunkCallsDesc, trunkInvitesDesc, trunkAnsweredDesc, trunkFailoverDesc, dialsDesc, waitingDesc, dialledDesc,
	} {
		c <- desc
	}
}

func (f *trunkFigures) Collect(c chan<- prometheus.Metric) {
	<-f.wired
	stats := f.dialer.Stats()
	gauge := func(desc *prometheus.Desc, n float64, labels ...string) {
		c <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, n, labels...)
	}
	counter := func(desc *prometheus.Desc, n uint64, labels ...string) {
		c <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(n), labels...)
	}
	for _, t := range stats.Trunks {
		up := 0.0
		if t.Up {
			up = 1
		}
		gauge(trunkUpDesc, up, t.Name)
		gauge(trunkCallsDesc, float64(t.Calls), t.Name)
		counter(trunkInvitesDesc, t.Attempts, t.Name)
		counter(trunkAnsweredDesc, t.Answered, t.Name)
		counter(trunkFailoverDesc, t.Failovers, t.Name)
	}
	gauge(dialsDesc, float64(stats.Dials))
	gauge(waitingDesc, float64(stats.Waiting))
	for outcome, n := range stats.Outcomes {
		counter(dialledDesc, n, outcome.State.String(), string(outcome.Cause), strconv.Itoa(outcome.Code))
	}
}
