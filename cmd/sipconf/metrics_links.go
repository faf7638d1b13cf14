package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipconf/sipconf/dialout/links"
)

// What links are doing, in Prometheus' words: one series per link and state, so that an alert needs no number of a state.
var (
	linkLabels       = []string{"room", "number"}
	linkStateDesc    = prometheus.NewDesc("sipconf_link_state", "1 for the state that the link is in, and 0 for the others.", append(linkLabels, "state"), nil)
	linkDialledDesc  = prometheus.NewDesc("sipconf_link_dialled_total", "How often the link was dialled.", linkLabels, nil)
	linkAnsweredDesc = prometheus.NewDesc("sipconf_link_connected_total", "How often the far side was connected with the room.", linkLabels, nil)
	linkLostDesc     = prometheus.NewDesc("sipconf_link_lost_total", "How often the far side was gone although there were people in the room.", linkLabels, nil)
)

// linkFigures are the figures of the links as a prometheus.Collector.
type linkFigures server

func (f *linkFigures) Describe(c chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{linkStateDesc, linkDialledDesc, linkAnsweredDesc, linkLostDesc} {
		c <- desc
	}
}

func (f *linkFigures) Collect(c chan<- prometheus.Metric) {
	<-f.wired
	for _, s := range f.links.Status() {
		for _, state := range links.States() {
			is := 0.0
			if s.State == state {
				is = 1
			}
			c <- prometheus.MustNewConstMetric(linkStateDesc, prometheus.GaugeValue, is, s.Room, s.Number, state.String())
		}
		for _, total := range []struct {
			desc *prometheus.Desc
			n    uint64
		}{{linkDialledDesc, s.Attempts}, {linkAnsweredDesc, s.Connected}, {linkLostDesc, s.Lost}} {
			c <- prometheus.MustNewConstMetric(total.desc, prometheus.CounterValue, float64(total.n), s.Room, s.Number)
		}
	}
}
