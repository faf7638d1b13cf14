package main

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/sipconf/sipconf/dialout"
)

// dashboard is what we check of docs/grafana.json.
type dashboard struct {
	Title      string
	Panels     []dashboardPanel
	Templating struct {
		List []struct{ Name, Type, Definition string }
	}
}

type dashboardPanel struct {
	ID         int
	Title      string
	Type       string
	Datasource struct{ UID string }
	Targets    []struct{ Expr string }
}

// metricName is a name of ours, or of the process collector's, in an expression.
var metricName = regexp.MustCompile(`\b(sipconf|process)_[a-z0-9_]+`)

// TestE2EDashboard: every figure that docs/grafana.json shows is among those that we serve.
func TestE2EDashboard(t *testing.T) {
	text, err := os.ReadFile("../../docs/grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	o, trunk := newTrunkOffice(t, nil)
	trunk.when("201", rejects(486))
	o.dialer.Dial(t.Context(), dialout.Request{Room: dialout.Room{Number: "5234"}, Number: "201"}, nil) // so that there is an outcome
	_, served := o.asks("/metrics")
	variables := map[string]string{}
	for _, v := range d.Templating.List {
		variables[v.Name] = v.Type
		wantServed(t, "variable "+v.Name, v.Definition, served)
	}
	if variables["datasource"] != "datasource" || variables["instance"] != "query" {
		t.Errorf("variables %v", variables)
	}
	ids, shown := map[int]bool{}, 0
	for _, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("panel %q: its id %d is another's too", p.Title, p.ID)
		}
		ids[p.ID] = true
		if p.Type == "row" {
			continue
		}
		if p.Datasource.UID != "${datasource}" || len(p.Targets) == 0 {
			t.Errorf("panel %q: data source %q, %d expressions", p.Title, p.Datasource.UID, len(p.Targets))
		}
		for _, target := range p.Targets {
			shown += wantServed(t, "panel "+p.Title, target.Expr, served)
		}
	}
	if shown < 30 {
		t.Errorf("only %d figures are shown", shown)
	}
}

// wantServed wants each metric of an expression on the page, and returns how many there are.
func wantServed(t *testing.T, where, expr, page string) (found int) {
	t.Helper()
	for _, name := range metricName.FindAllString(expr, -1) {
		found++
		if !strings.Contains(page, "\n"+name+" ") && !strings.Contains(page, "\n"+name+"{") {
			t.Errorf("%s: we serve no %s", where, name)
		}
	}
	return found
}
