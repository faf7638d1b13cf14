package main

import (
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// What the server has counted by itself goes on in the next process, and what that one does not know is nothing to it.
func TestCountsAreCarried(t *testing.T) {
	before, after := newMetrics(new(server)), newMetrics(new(server))
	for name, vec := range before.counted() {
		for i, outcome := range []string{"joined", "found", "done"} {
			labels := prometheus.Labels{"outcome": outcome}
			if vec == before.upgrades {
				labels["pbx"] = "pbx"
			}
			vec.With(labels).Add(float64(len(name) + i))
		}
	}
	image := before.save()
	after.restore(append(image, countImage{"sipconf_unheard_of_total", map[string]string{"outcome": "x"}, 1},
		countImage{"sipconf_calls_total", map[string]string{"colour": "red"}, 1}, countImage{"sipconf_calls_total", map[string]string{"outcome": "joined"}, -1}))
	if len(image) != 15 || !slices.EqualFunc(after.save(), image, func(a, b countImage) bool {
		return a.Name == b.Name && a.Count == b.Count && maps.Equal(a.Labels, b.Labels)
	}) {
		t.Errorf("carried %v, and there is %v", image, after.save())
	}
	var vectors int // whoever adds one has to say whether it is carried
	for f := range reflect.TypeFor[metrics]().Fields() {
		if f.Type == reflect.TypeFor[*prometheus.CounterVec]() {
			vectors++
		}
	}
	if vectors != len(before.counted()) {
		t.Errorf("%d counters are the server's own, and %d are carried", vectors, len(before.counted()))
	}
}
