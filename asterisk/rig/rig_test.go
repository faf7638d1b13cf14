//go:build e2e && linux

package rig_test

import (
	"strings"
	"testing"

	"github.com/sipconf/sipconf/asterisk/rig"
)

// TestE2ETwoAsterisks runs two instances at once on one loopback interface: each has
// its own address, folder, command line and ports, and each knows the drop-in's
// endpoint and numbers.
func TestE2ETwoAsterisks(t *testing.T) {
	one := rig.Start(t, rig.Options{
		Addr: "127.0.0.201", Ports: rig.Ports{First: 39000, Last: 39099}, Sipconf: "127.0.0.203:5060",
		Phones: []rig.Phone{{Name: "Anna", Number: "101"}},
	})
	two := rig.Start(t, rig.Options{
		Addr: "127.0.0.202", Ports: rig.Ports{First: 39100, Last: 39199}, Sipconf: "127.0.0.204:5060", DirectMedia: true,
		Append: []string{"moh_passthrough=no"},
		Phones: []rig.Phone{{Name: "Boris", Number: "201", Addr: "127.0.0.205:5060"}},
	})
	for _, have := range []struct {
		pbx     *rig.Asterisk
		command string
		want    []string
	}{
		{one, "core show version", []string{"Asterisk 22."}},
		{one, "pjsip show transports", []string{"127.0.0.201:5060"}},
		{two, "pjsip show transports", []string{"127.0.0.202:5060"}},
		{one, "rtp show settings", []string{"39000", "39099"}},
		{two, "rtp show settings", []string{"39100", "39199"}},
		{one, "pjsip show endpoint sipconf", []string{"sip:127.0.0.203:5060", "127.0.0.203/32", "moh_passthrough                    : true",
			"direct_media                       : false", "identify_by                        : ip", "(alaw|ulaw)",
			"rtp_timeout                        : 30", "send_pai                           : true"}},
		{two, "pjsip show endpoint sipconf", []string{"sip:127.0.0.204:5060", "127.0.0.204/32", "moh_passthrough                    : false",
			"direct_media                       : true"}},
		{one, "dialplan show *15234@phones", []string{"'_*1XX.'", "Dial(PJSIP/${EXTEN}@sipconf,10)"}},
		{one, "dialplan show 5234@phones", []string{"'_XXXX'"}},
		{one, "dialplan show *100@phones", []string{"no existence"}},
		{one, "pjsip show endpoint 101", []string{"phones"}},
		{two, "pjsip show endpoint 201", []string{"sip:201@127.0.0.205:5060"}},
		{one, "moh show files", []string{"tone"}},
	} {
		got := have.pbx.CLI(have.command)
		for _, want := range have.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q misses %q in:\n%s", have.pbx.Addr(), have.command, want, got)
			}
		}
	}
	for _, pbx := range []*rig.Asterisk{one, two} {
		for line := range strings.Lines(pbx.Log()) {
			if strings.Contains(line, "] WARNING[") || strings.Contains(line, "] ERROR[") {
				t.Errorf("%s complains about its configuration: %s", pbx.Addr(), line)
			}
		}
	}
}
