package main

import "github.com/prometheus/client_golang/prometheus"

// countImage is one counter that the server counts by itself, as plain data.
type countImage struct {
	Name   string
	Labels map[string]string
	Count  float64
}

// counted are those counters by their names. All other figures are read from the parts of the server, which write down their own.
func (m *metrics) counted() map[string]*prometheus.CounterVec {
	return map[string]*prometheus.CounterVec{
		"sipconf_calls_total": m.calls, "sipconf_group_lookups_total": m.lookups, "sipconf_group_members_total": m.members, "sipconf_referrals_total": m.referrals,
		"sipconf_upgrades_total": m.upgrades,
	}
}

// save writes them down.
func (m *metrics) save() (all []countImage) {
	own := prometheus.NewRegistry() // without the figures that would be read for this
	for _, counter := range m.counted() {
		own.MustRegister(counter)
	}
	families, err := own.Gather()
	if err != nil {
		panic(err) // they are our own
	}
	for _, family := range families {
		for _, one := range family.GetMetric() {
			im := countImage{family.GetName(), map[string]string{}, one.GetCounter().GetValue()}
			for _, label := range one.GetLabel() {
				im.Labels[label.GetName()] = label.GetValue()
			}
			if im.Count > 0 {
				all = append(all, im)
			}
		}
	}
	return all
}

// restore has them go on. One that this version does not know is left out.
func (m *metrics) restore(all []countImage) {
	counted := m.counted()
	for _, im := range all {
		if vec := counted[im.Name]; vec != nil {
			if one, err := vec.GetMetricWith(im.Labels); err == nil && im.Count > 0 {
				one.Add(im.Count)
			}
		}
	}
}
