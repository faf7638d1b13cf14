package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// A field is a key of a map that is one of many: of a rule of the number plan, of a trunk, of a member of a group.
type field[T any] struct {
	name  string
	value func(*T) value
}

// readRecords reads a list of such maps.  path names the list in a fault; at is where it begins; example is how one of
// the maps may be written.
func readRecords[T any](r *configReader, at place, path string, node ast.Node, fields []field[T], example string) (all []T, ok bool) {
	node, ok = r.plain(node, path)
	if !ok || node.Type() == ast.NullType {
		return nil, false
	}
	r.seen[path] = at
	sequence, ok := node.(*ast.SequenceNode)
	if !ok {
		r.fault(at, path, `a list is expected here, not %s: write - %s`, kind(node), example)
		r.wrong[path] = true
		return nil, false
	}
	for i, element := range sequence.Values {
		var one T
		readRecord(r, at, fmt.Sprintf("%s[%d]", path, i), element, fields, &one)
		all = append(all, one)
	}
	return all, true
}

// readRecord reads a map of such keys into to.  path names the map in a fault; at is where what it is a part of
// begins, for a map that has no place of its own.
func readRecord[T any](r *configReader, at place, path string, node ast.Node, fields []field[T], to *T) {
	if p := r.place(node); p.line > 0 {
		at = p
	}
	r.seen[path] = at
	r.eachEntry(node, at, path, func(entry place, name string, node ast.Node) {
		r.seen[path+"."+name] = entry
		if i := slices.IndexFunc(fields, func(f field[T]) bool { return f.name == name }); i >= 0 {
			r.readValue(entry, path, path+"."+name, node, fields[i].value(to), "["+`"...", "..."]`)
			return
		}
		r.wrong[path] = true
		var names []string
		for _, f := range fields {
			names = append(names, f.name)
		}
		r.unknownKey(entry, path, name, names)
	})
}

// yamlRecord is such a map in YAML, without its braces.  What is as in an empty one is left out.
func yamlRecord[T any](fields []field[T], from *T) string {
	var texts []string
	var none T
	for _, f := range fields {
		v := f.value(from)
		if !slices.Equal(v.texts(), f.value(&none).texts()) {
			texts = append(texts, f.name+": "+yamlText(v))
		}
	}
	return strings.Join(texts, ", ")
}

// recordLines is a list of them in YAML.
func recordLines[T any](fields []field[T], all []T) (lines []string) {
	for i := range all {
		lines = append(lines, "- {"+yamlRecord(fields, &all[i])+"}")
	}
	return lines
}

// recordFault is a fault that another package has found in a record, at the field in question if that was written.
func (r *configReader) recordFault(record, name, value string, err error) {
	if !r.good(record) {
		return
	}
	path := join(record, name)
	at := r.seen[record]
	if written, ok := r.seen[path]; ok {
		at = written
	}
	if value == "" {
		r.fault(at, path, "%v", err)
	} else {
		r.fault(at, path, "%s: %v", strconv.Quote(value), err)
	}
}

// textForm is any text.
var textForm = form[string]{
	name: "text", quoted: true,
	parse: func(text string) (string, error) { return text, nil },
	write: func(text string) string { return text },
}
