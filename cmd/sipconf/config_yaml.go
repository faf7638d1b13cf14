package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// readFile reads config.yaml by its syntax tree rather than into a struct, because the tree knows
// the line of everything and lets us go on after a fault.
func (r *configReader) readFile(text []byte) {
	tree, err := parseYAML(text)
	if err != nil {
		r.syntaxFault(err, text)
		return
	}
	var bodies []ast.Node
	for _, document := range tree.Docs {
		if body := document.Body; body != nil && body.Type() != ast.CommentType {
			bodies = append(bodies, body)
		}
	}
	if len(bodies) > 1 {
		r.fault(r.place(bodies[1]), "", "a second document: write everything in one, without ---")
	}
	if len(bodies) > 0 {
		r.readTop(bodies[0])
	}
}

// parseYAML parses text.  A panic of the library is a fault of the text like any other: nothing that
// an operator writes into a file may end the program with a stack trace.
func parseYAML(text []byte) (tree *ast.File, err error) {
	defer func() {
		if caught := recover(); caught != nil {
			err = fmt.Errorf("the parser gave up: %v", caught)
		}
	}()
	// Duplicate keys are found by eachEntry, which names them by their path.
	return parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
}

// syntaxFault records that the file is not YAML at all.
func (r *configReader) syntaxFault(err error, file []byte) {
	at, text := place{file: r.file}, err.Error()
	var syntax yaml.Error
	if errors.As(err, &syntax) {
		text = syntax.GetMessage() // without the excerpt of the file
		if t := syntax.GetToken(); t != nil && t.Position != nil {
			at.line, at.column = t.Position.Line, t.Position.Column
		}
	}
	text = strings.ReplaceAll(text, "\t", `\t`) // the usual culprit should be seen
	text = strings.Join(strings.Fields(text), " ")
	r.fault(at, "", "this is not YAML: %s%s", text, quotesHint(file, at.line))
}

// quotesHint is what to do about a line that is full of what YAML takes for its own: *1 is an alias there, and ${ begins a map.
func quotesHint(file []byte, line int) string {
	lines := strings.Split(string(file), "\n")
	if line < 1 || line > len(lines) {
		return ""
	}
	for _, sign := range []string{"*", "${"} {
		for _, before := range []string{" ", "{", ",", "["} {
			if strings.Contains(" "+lines[line-1], before+sign) {
				return ": write what begins with " + sign + " in quotes"
			}
		}
	}
	return ""
}

// place is where node begins.
func (r *configReader) place(node ast.Node) place {
	at := place{file: r.file}
	if m, ok := node.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		node = m.Values[0].Key // its own token is the first colon
	}
	if t := node.GetToken(); t != nil && t.Position != nil {
		at.line, at.column = t.Position.Line, t.Position.Column
	}
	return at
}

// readTop reads the map of the sections.
func (r *configReader) readTop(node ast.Node) {
	r.eachEntry(node, r.place(node), "", func(at place, name string, value ast.Node) {
		isSection := slices.ContainsFunc(sections, func(s section) bool { return s.name == name })
		switch {
		case blockAt(name) != nil:
			blockAt(name).read(r, at, value)
		case isSection:
			r.readSection(at, name, value)
		default:
			r.unknownKey(at, "", name, topNames())
		}
	})
}

// readSection reads the keys and blocks of one section.
func (r *configReader) readSection(at place, section string, node ast.Node) {
	r.eachEntry(node, at, section, func(at place, name string, value ast.Node) {
		path := section + "." + name
		switch k, b := findKey(path), blockAt(path); {
		case k != nil:
			r.readKey(at, k, value)
		case b != nil:
			b.read(r, at, value)
		default:
			siblings := keyNames(section)
			for _, b := range blocksIn(section) {
				siblings = append(siblings, b.name())
			}
			r.unknownKey(at, section, name, siblings)
		}
	})
}

// readKey reads the value of one key.  A key without a value keeps its default.
func (r *configReader) readKey(at place, k *key, node ast.Node) {
	node, ok := r.plain(node, k.path)
	if !ok || node.Type() == ast.NullType {
		return
	}
	r.seen[k.path] = at
	r.readValue(at, k.path, k.path, node, k.value(r.config), yamlText(k.value(defaultConfig())))
}

// readValue reads node into value.  path names it in a fault, and owner is the key or record that it is part of; example
// is a list as it should be written.
func (r *configReader) readValue(at place, owner, path string, node ast.Node, value value, example string) {
	node, ok := r.plain(node, path)
	if !ok {
		r.wrong[owner] = true
		return
	}
	sequence, isSequence := node.(*ast.SequenceNode)
	switch {
	case value.isList() && isSequence:
		value.clear()
		for i, element := range sequence.Values {
			r.readScalar(at, fmt.Sprintf("%s[%d]", path, i), element, owner, value)
		}
	case value.isList():
		if text, ok := scalarText(node); ok {
			example = "[" + strconv.Quote(text) + "]"
		}
		r.wrong[owner] = true
		r.fault(at, path, "a list is expected here, not %s: write %s: %s",
			kind(node), path[strings.LastIndexByte(path, '.')+1:], example)
	default:
		r.readScalar(at, path, node, owner, value)
	}
}

// readScalar reads node into value.  path names it in a fault, and owner is the key it is part of.
func (r *configReader) readScalar(at place, path string, node ast.Node, owner string, value value) {
	name, _ := value.form()
	node, ok := r.plain(node, path)
	if !ok {
		r.wrong[owner] = true
		return
	}
	text, isScalar := scalarText(node)
	if isScalar {
		at = r.place(node)
		r.seen[path] = at
		if err := value.parse(text); err != nil {
			r.wrong[owner] = true
			r.fault(at, path, "%v", err)
		}
		return
	}
	r.wrong[owner] = true
	r.fault(at, path, "%s is expected here, not %s", name, kind(node))
}

// eachEntry calls f for every entry of the map that node is.  at is the place of the key that holds
// the map, and path its path; they name it when it is no map.
func (r *configReader) eachEntry(node ast.Node, at place, path string, f func(at place, name string, value ast.Node)) {
	node, ok := r.plain(node, path)
	if !ok || node.Type() == ast.NullType {
		return // a section whose every key is commented out
	}
	entries, ok := node.(ast.MapNode)
	if !ok {
		r.wrong[path] = true
		if path == "" {
			r.fault(at, path, "the file must hold sections such as sip: and media:, not %s", kind(node))
		} else {
			r.fault(at, path, "a map of keys is expected here, not %s", kind(node))
		}
		return
	}
	first := map[string]place{}
	for entry := entries.MapRange(); entry.Next(); {
		name, at := entry.Key().GetToken().Value, r.place(entry.Key())
		if before, twice := first[name]; twice {
			r.fault(at, join(path, name), "this key stands twice: the first is on line %d", before.line)
			continue
		}
		first[name] = at
		f(at, name, entry.Value())
	}
}

// plain takes the anchor or tag off a node.  It returns false, and records the fault, for an alias:
// the usual reason for one is a number such as *15234 without its quotes.
func (r *configReader) plain(node ast.Node, path string) (ast.Node, bool) {
	for {
		switch n := node.(type) {
		case nil:
			return ast.Null(token.New("null", "null", &token.Position{})), true
		case *ast.AnchorNode:
			node = n.Value
		case *ast.TagNode:
			node = n.Value
		case *ast.AliasNode:
			r.wrong[path] = true
			r.fault(r.place(node), path, "a * without quotes is a YAML alias: write it in quotes, as %s", strconv.Quote("*"+n.Value.GetToken().Value))
			return nil, false
		default:
			return node, true
		}
	}
}

// scalarText is the text of a scalar as it was written: 0800 stays 0800, whatever YAML takes it for.
func scalarText(node ast.Node) (text string, ok bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return node.GetToken().Value, true
	}
	return "", false
}

// kind is what node is, for somebody who expected something else there.
func kind(node ast.Node) string {
	switch node.Type() {
	case ast.MappingType, ast.MappingValueType:
		return "a map"
	case ast.SequenceType:
		return "a list"
	case ast.NullType:
		return "nothing"
	}
	return "a single value"
}

// unknownKey records a key that does not exist, and the one that was probably meant.
func (r *configReader) unknownKey(at place, path, name string, siblings []string) {
	hint := suggest(name, siblings)
	if hint == "" {
		for _, k := range keys { // the right key at the wrong place
			if strings.HasSuffix(k.path, "."+name) {
				hint = ": did you mean " + k.path + "?"
			}
		}
	}
	if hint == "" {
		hint = ": there are " + strings.Join(siblings, ", ")
	}
	r.fault(at, join(path, name), "unknown key%s", hint)
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func topNames() []string {
	var names []string
	for _, s := range sections {
		names = append(names, s.name)
	}
	return names
}
