package main

import (
	"errors"
	"testing"

	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/sip"
)

// Whom the called see: the room if they are colleagues, else what the trunk says, and never a number that a caller could choose.
func TestWhoIsSeenCalling(t *testing.T) {
	i := &inviter{name: "Conference ${ROOM}"}
	for _, c := range []struct {
		trunk              dialout.Trunk
		name, number, host string
		focus              string
	}{
		{dialout.Trunk{Internal: true}, "Conference 5234", "5234", "", "5234"},
		{dialout.Trunk{Internal: true, From: "5000"}, "Conference 5234", "5000", "", "5234"},
		{dialout.Trunk{}, "", "", "", ""},
		{dialout.Trunk{From: "74951234567@office.example"}, "", "74951234567", "office.example", ""},
	} {
		c.trunk.Address = "sip:192.168.1.1"
		got, err := i.target(&dialout.Attempt{Trunk: c.trunk, Number: "102", Room: "5234", Caller: "101", Mark: "m"})
		if err != nil {
			t.Fatal(err)
		}
		if got.URI != "sip:102@192.168.1.1" || got.From != (sip.Identity{Name: c.name, Number: c.number}) || got.FromHost != c.host || got.Focus != c.focus {
			t.Errorf("%+v: %+v", c.trunk, got)
		}
		if len(got.Headers) != 1 || got.Headers[0] != (sip.Header{Name: markHeader, Value: "m"}) {
			t.Errorf("headers %v", got.Headers)
		}
	}
}

// What SIP says in the dialler's words. Asterisk's hang-up causes say more than its statuses, but not more than a redirection or a challenge.
func TestFailures(t *testing.T) {
	q850 := func(code, cause int) *sip.Failure {
		return &sip.Failure{Code: code, Reasons: []sip.Reason{{Protocol: "Q.850", Cause: cause}}}
	}
	for _, c := range []struct {
		failure *sip.Failure
		class   dialout.Class
		code    int
	}{
		{q850(486, 17), dialout.CalleeBusy, 486},
		{q850(503, 17), dialout.CalleeBusy, 503},
		{q850(403, 21), dialout.CalleeDeclined, 403},
		{q850(480, 19), dialout.Unanswered, 480},
		{q850(480, 20), dialout.Absent, 480},
		{q850(404, 3), dialout.Absent, 404},
		{q850(503, 34), dialout.Congested, 503},
		{q850(302, 17), dialout.Redirect, 302},
		{q850(401, 21), dialout.AuthFailed, 401},
		{&sip.Failure{Code: 404}, dialout.Other, 404},
		{&sip.Failure{Cause: sip.Unreachable, Code: 408}, dialout.OutOfReach, 0},
		{&sip.Failure{Cause: sip.NoAnswer, Code: 408}, dialout.Unanswered, 0},
		{&sip.Failure{Cause: sip.Unusable, Code: 488}, dialout.Other, 488},
	} {
		var got *dialout.Failure
		if err := failureOf(c.failure); !errors.As(err, &got) || got.Class != c.class || got.Code != c.code {
			t.Errorf("%+v: %+v, want class %d and %d", c.failure, got, c.class, c.code)
		}
	}
	moved := failureOf(&sip.Failure{Code: 302, Contacts: []string{"sip:102@pbx", "tel:103", "sip:pbx"}}).(*dialout.Failure)
	if len(moved.Targets) != 2 || moved.Targets[0] != "102" || moved.Targets[1] != "103" {
		t.Errorf("moved to %q", moved.Targets)
	}
}
