package main

import (
	"errors"
	"fmt"

	"github.com/goccy/go-yaml/ast"

	"github.com/sipconf/sipconf/rooms/plan"
)

// The number plan is the one section of config.yaml that is not a map of keys: a list of rules, each
// a map.  What a rule means, package plan knows; here it is read, and its faults get their lines.

// ruleFields are the keys of one rule.
var ruleFields = []struct {
	name  string
	value func(r *plan.Rule) *string
}{
	{"pattern", func(r *plan.Rule) *string { return &r.Pattern }},
	{"room", func(r *plan.Rule) *string { return &r.Room }},
	{"group", func(r *plan.Rule) *string { return &r.Group }},
}

// readNumbers reads the number plan.
func (r *configReader) readNumbers(at place, node ast.Node) {
	node, ok := r.plain(node, numbersPath)
	if !ok || node.Type() == ast.NullType {
		return
	}
	r.seen[numbersPath] = at
	sequence, ok := node.(*ast.SequenceNode)
	if !ok {
		r.fault(at, numbersPath, `a list of rules is expected here, not %s: write - {pattern: "_XXXX", room: "${EXTEN}"}`, kind(node))
		r.wrong[numbersPath] = true
		return
	}
	r.config.Numbers = nil
	for i, element := range sequence.Values {
		r.readRule(at, fmt.Sprintf("%s[%d]", numbersPath, i), element)
	}
}

// readRule reads one rule of the number plan.  at is where the plan begins, for a rule that has no
// place of its own.
func (r *configReader) readRule(at place, path string, node ast.Node) {
	if p := r.place(node); p.line > 0 {
		at = p
	}
	r.seen[path] = at
	var rule plan.Rule
	r.eachEntry(node, at, path, func(entry place, name string, value ast.Node) {
		r.seen[path+"."+name] = entry
		for _, field := range ruleFields {
			if field.name == name {
				r.readRuleField(entry, path, path+"."+name, value, field.value(&rule))
				return
			}
		}
		r.wrong[path] = true
		r.unknownKey(entry, path, name, ruleFieldNames())
	})
	r.config.Numbers = append(r.config.Numbers, rule)
}

func (r *configReader) readRuleField(at place, rule, path string, node ast.Node, to *string) {
	node, ok := r.plain(node, path)
	if !ok {
		r.wrong[rule] = true
		return
	}
	text, ok := scalarText(node)
	if !ok {
		r.wrong[rule] = true
		r.fault(at, path, "text is expected here, not %s", kind(node))
		return
	}
	*to = text
}

func ruleFieldNames() []string {
	var names []string
	for _, field := range ruleFields {
		names = append(names, field.name)
	}
	return names
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
	at, rule := r.element(numbersPath, wrong.Rule)
	if !r.good(rule) {
		return
	}
	path := rule + "." + wrong.Field
	if field, ok := r.seen[path]; ok {
		at = field
	}
	if wrong.Value == "" {
		r.fault(at, path, "%v", wrong.Err)
	} else {
		r.fault(at, path, "%q: %v", wrong.Value, wrong.Err)
	}
}
