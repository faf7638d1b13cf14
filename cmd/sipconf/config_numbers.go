package main

import (
	"errors"

	"github.com/goccy/go-yaml/ast"

	"github.com/sipconf/sipconf/rooms/plan"
)

// The number plan is the one section of config.yaml that is not a map of keys: a list of rules, each
// a map.  What a rule means, package plan knows; here it is read, and its faults get their lines.

// ruleFields are the keys of one rule.
var ruleFields = []field[plan.Rule]{
	{"pattern", one(textForm, func(r *plan.Rule) *string { return &r.Pattern })},
	{"room", one(textForm, func(r *plan.Rule) *string { return &r.Room })},
	{"group", one(textForm, func(r *plan.Rule) *string { return &r.Group })},
	{"factory", one(switchForm, func(r *plan.Rule) *bool { return &r.Factory })},
}

// readNumbers reads the number plan.
func (r *configReader) readNumbers(at place, node ast.Node) {
	if rules, ok := readRecords(r, at, numbersPath, node, ruleFields, `{pattern: "_XXXX", room: "${EXTEN}"}`); ok {
		r.config.Numbers = rules
	}
}

// checkNumbers has the number plan compiled, and leaves out what it finds in rules that could not
// be read in the first place.
func (r *configReader) checkNumbers() {
	if !r.good(numbersPath) || r.checkEmpty(numbersPath, len(r.config.Numbers), "no number would lead to a room") {
		return
	}
	_, err := plan.Compile(r.config.Numbers)
	if err == nil {
		return
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		r.fault(r.seen[numbersPath], numbersPath, "%v", err)
		return
	}
	for _, err := range joined.Unwrap() {
		var wrong *plan.Fault
		if errors.As(err, &wrong) {
			r.ruleFault(wrong)
		}
	}
}

// ruleFault records a fault that the number plan found, at the field in question if it was written.
func (r *configReader) ruleFault(wrong *plan.Fault) {
	_, rule := r.element(numbersPath, wrong.Rule)
	r.recordFault(rule, wrong.Field, wrong.Value, wrong.Err)
}
