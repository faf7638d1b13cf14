package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/sipconf/sipconf/asterisk/pattern"
	"github.com/sipconf/sipconf/dialout"
)

// What dialling out needs: the section trunks, a list of records, and the section dialout.  What trunks and rules mean,
// package dialout knows; here they are read, and their faults get their lines.
const (
	trunksPath   = "trunks"
	dialoutPath  = "dialout"
	policiesPath = dialoutPath + ".policies"
	policiesDoc  = "What those meet who answer, by the number that was dialled; the first whose pattern matches. straight: in the room at once; " +
		"press-1: when they have pressed 1; consult: who invited them talks to them first."
)

// mostRing is the longest that a phone may ring: after three minutes a proxy ends it anyway (RFC 3261 section 16.6, timer C).
const mostRing = 10 * time.Minute

// DialoutConfig is the section dialout.
type DialoutConfig struct {
	Trunk     string // the one that is tried first; empty: the first of the trunks
	Name      string // what the phones of those who are called show, with ${ROOM}; empty: nothing but the number
	Ring      time.Duration
	Response  time.Duration
	Accept    time.Duration
	Redirects int
	Rules     dialout.Rules
	Limits    dialout.Limits
}

// dialling is what a dialout.Dialer is made of, but for what it works with.
func (c *Config) dialling() dialout.Config {
	redirects := c.Dialout.Redirects
	if redirects == 0 {
		redirects = -1 // the Dialer's none
	}
	return dialout.Config{
		Trunks: c.Trunks, Default: c.Dialout.Trunk, Rules: c.Dialout.Rules, Limits: c.Dialout.Limits,
		Ring: c.Dialout.Ring, Response: c.Dialout.Response, Redirects: redirects,
	}
}

// trunkFields are the keys of one trunk.
var trunkFields = []field[dialout.Trunk]{
	{"name", one(textForm, func(t *dialout.Trunk) *string { return &t.Name })},
	{"address", one(textForm, func(t *dialout.Trunk) *string { return &t.Address })},
	{"transport", one(textForm, func(t *dialout.Trunk) *string { return &t.Transport })},
	{"user", one(textForm, func(t *dialout.Trunk) *string { return &t.User })},
	{"password", one(secretForm, func(t *dialout.Trunk) *dialout.Secret { return &t.Password })},
	{"from", one(textForm, func(t *dialout.Trunk) *string { return &t.From })},
	{"max_calls", one(numberForm(0, 30000), func(t *dialout.Trunk) *int { return &t.MaxCalls })},
	{"max_daily", one(numberForm(0, 1000000), func(t *dialout.Trunk) *int { return &t.MaxDaily })},
	{"rate", one(rateForm, func(t *dialout.Trunk) *float64 { return &t.Rate })},
	{"internal", one(switchForm, func(t *dialout.Trunk) *bool { return &t.Internal })},
	{"policy", one(policyForm, func(t *dialout.Trunk) *dialout.Policy { return &t.Policy })},
	{"numbers", many(patternForm, func(t *dialout.Trunk) *[]string { return &t.Numbers })},
	{"strip", one(numberForm(0, 32), func(t *dialout.Trunk) *int { return &t.Strip })},
	{"prepend", one(textForm, func(t *dialout.Trunk) *string { return &t.Prepend })},
	{"probe", one(durationForm(time.Second, time.Hour, true), func(t *dialout.Trunk) *time.Duration { return &t.Probe })},
}

// policyFields are the keys of one rule in dialout.policies.
var policyFields = []field[dialout.PolicyRule]{
	{"pattern", one(patternForm, func(p *dialout.PolicyRule) *string { return &p.Pattern })},
	{"policy", one(policyForm, func(p *dialout.PolicyRule) *dialout.Policy { return &p.Policy })},
}

// readTrunks reads the section trunks.
func (r *configReader) readTrunks(at place, node ast.Node) {
	if trunks, ok := readRecords(r, at, trunksPath, node, trunkFields, `{name: pbx, address: "sip:192.168.1.1:5060", internal: true}`); ok {
		r.config.Trunks = trunks
	}
}

// readPolicies reads dialout.policies.
func (r *configReader) readPolicies(at place, node ast.Node) {
	if policies, ok := readRecords(r, at, policiesPath, node, policyFields, `{pattern: "_9XX", policy: straight}`); ok {
		r.config.Dialout.Rules.Policies = policies
	}
}

// checkDialout has trunks and rules compiled, and leaves out what it finds in records that could not be read in the
// first place.
func (r *configReader) checkDialout() {
	if err := r.config.dialling().Check(); err != nil {
		joined, ok := err.(interface{ Unwrap() []error })
		if !ok {
			r.fault(r.seen[dialoutPath], dialoutPath, "%v", err)
			return
		}
		for _, err := range joined.Unwrap() {
			var wrong *dialout.Fault
			if errors.As(err, &wrong) {
				r.dialoutFault(wrong)
			}
		}
	}
	for i := range r.config.Trunks {
		r.checkTrunk(i)
	}
	r.checkName()
}

// checkName looks for variables in dialout.name that nothing is put in place of.
func (r *configReader) checkName() {
	const path = "dialout.name"
	if name := strings.ReplaceAll(r.config.Dialout.Name, roomVariable, ""); strings.Contains(name, "${") {
		r.fault(r.seen[path], path, "%s: only %s is known here", strconv.Quote(r.config.Dialout.Name), roomVariable)
	}
}

// checkTrunk looks at what the Inviter makes of a trunk.
func (r *configReader) checkTrunk(i int) {
	t := &r.config.Trunks[i]
	record := fmt.Sprintf("%s[%d]", trunksPath, i)
	if t.Address != "" {
		if err := checkTrunkAddress(t, &r.config.SIP); err != nil && r.good("sip.listen", "sip.trusted") {
			shown := t.Address
			if strings.Contains(shown, "@") {
				shown = "" // a password may stand there
			}
			r.recordFault(record, "address", shown, err)
		}
	}
	if t.Password != "" && t.User == "" {
		r.recordFault(record, "password", "", errors.New("there is no user to this password: write user as well"))
	}
	if _, written := r.seen[record]; written && !t.Internal && t.From == "" && r.good(record) {
		r.warning(r.seen[record], record, "it has no from: those who are called over it see \"sipconf\" calling; write from: the number that is yours there")
	}
	if number, host := trunkFrom(t); t.From != "" && (number == "" || strings.ContainsAny(number+host, " <>\"@;?")) {
		r.recordFault(record, "from", t.From, errors.New("write a number such as 5000, or number@host"))
	}
}

// dialoutFault records a fault that package dialout has found.
func (r *configReader) dialoutFault(wrong *dialout.Fault) {
	path := wrong.Path
	if !strings.HasPrefix(path, trunksPath+"[") {
		path = dialoutPath + "." + path
	}
	if record, name, ok := strings.Cut(path, "]."); ok { // of a trunk or a policy
		r.recordFault(record+"]", name, wrong.Value, wrong.Err)
		return
	}
	key, _, _ := strings.Cut(path, "[")
	if !r.good(key) {
		return
	}
	at, ok := r.seen[path]
	if !ok {
		at = r.seen[key]
	}
	r.fault(at, path, "%s: %v", strconv.Quote(wrong.Value), wrong.Err)
}

var secretForm = form[dialout.Secret]{
	name: "a password", quoted: true,
	parse: func(text string) (dialout.Secret, error) { return dialout.Secret(text), nil },
	write: func(s dialout.Secret) string { return string(s) },
}

// rateForm is how many there may be in a second.
var rateForm = form[float64]{
	name: "a rate",
	parse: func(text string) (float64, error) {
		rate, err := strconv.ParseFloat(text, 64)
		if err != nil || !(rate >= 0 && rate <= 1000) {
			return 0, misfit(text, "a rate", "how many calls a second it takes, such as 10 or 0.5, or 0 for any number")
		}
		return rate, nil
	},
	write: func(rate float64) string { return strconv.FormatFloat(rate, 'f', -1, 64) },
}

// policyForm is a policy, or nothing.
var policyForm = form[dialout.Policy]{
	name: "a policy", parse: dialout.ParsePolicy, write: dialout.Policy.String,
}

// patternForm is a pattern of numbers.
var patternForm = form[string]{
	name: "a pattern", quoted: true,
	parse: func(text string) (string, error) {
		if _, err := pattern.Parse(text); err != nil {
			return "", fmt.Errorf("%s: %w", strconv.Quote(text), err)
		}
		return text, nil
	},
	write: func(text string) string { return text },
}
