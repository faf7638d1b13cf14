package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/sipconf/sipconf/dialout/groups"
)

// The section groups has one key that is neither a scalar nor a list of them: groups.list, a map of groups, each a
// list of members, each a map.  It has no environment variable.
const (
	groupsPath    = "groups"
	groupListName = "list"
	groupListPath = groupsPath + "." + groupListName
	groupListDoc  = "The groups themselves, if groups.store is list: by their ids, with extension, name and description of each member. " +
		"A member with several numbers has them in one extension, with commas."
)

// memberFields are the keys of one member.
var memberFields = []field[groups.Member]{
	{"extension", one(textForm, func(m *groups.Member) *string { return &m.Extension })},
	{"name", one(textForm, func(m *groups.Member) *string { return &m.Name })},
	{"description", one(textForm, func(m *groups.Member) *string { return &m.Description })},
}

// groupPath is the path of a group of the list, on one line whatever its id is.
func groupPath(id string) string {
	return join(groupListPath, strings.Trim(strconv.Quote(id), `"`))
}

// readGroupList reads groups.list.
func (r *configReader) readGroupList(at place, node ast.Node) {
	r.seen[groupListPath] = at
	list := map[string][]groups.Member{}
	r.eachEntry(node, at, groupListPath, func(at place, id string, value ast.Node) {
		path := groupPath(id)
		r.seen[path] = at
		value, ok := r.plain(value, path)
		if !ok {
			return
		}
		sequence, ok := value.(*ast.SequenceNode)
		if !ok {
			r.wrong[path] = true
			r.fault(at, path, `a list of members is expected here, not %s: write - {extension: "201", name: "Anna"}`, kind(value))
			return
		}
		list[id] = []groups.Member{}
		for i, element := range sequence.Values {
			var m groups.Member
			readRecord(r, at, fmt.Sprintf("%s[%d]", path, i), element, memberFields, &m)
			list[id] = append(list[id], m)
		}
	})
	r.config.Groups.List = nil
	if len(list) > 0 {
		r.config.Groups.List = list
	}
}

// checkGroups looks at the groups of the list, and whether the keys of the section go together.
func (r *configReader) checkGroups() {
	const store, query = groupsPath + ".store", groupsPath + ".query"
	g := r.config.Groups
	if r.good(store, query) && g.Query != "" {
		if err := groups.CheckQuery(g.Store, g.Query); err != nil {
			r.fault(r.seen[query], query, "%v", err)
		}
	}
	if at, ok := r.seen[groupListPath]; ok && r.good(store) && g.Store != "list" && len(g.List) > 0 {
		r.warning(at, groupListPath, "nothing reads this list, for groups.store is %s: write store: list", groups.Redact(g.Store))
	}
	for id, members := range g.List {
		path := groupPath(id)
		if !r.good(path) {
			continue
		}
		if r.checkEmpty(path, len(members), "nobody would be called") {
			continue
		}
		r.checkMembers(path, id, members)
	}
}

func (r *configReader) checkMembers(path, id string, members []groups.Member) {
	first := map[string]int{}
	for i, m := range members {
		at, element := r.element(path, i)
		if !r.good(element) {
			continue
		}
		wrong := groups.Row{Group: id, Member: m}.Faults()
		for _, f := range wrong {
			r.memberFault(at, path, element, f)
		}
		if len(wrong) > 0 {
			continue
		}
		if before, again := first[m.Extension]; again {
			r.fault(at, element, "%s is already %s[%d]", m.Extension, path, before)
			continue
		}
		first[m.Extension] = i
		for _, trouble := range r.config.undialled(m) {
			r.warning(at, element, "%s", trouble)
		}
	}
}

// memberFault records a fault at the field that it is in, if that was written, or once at the group's id.
func (r *configReader) memberFault(at place, group, element string, f groups.Fault) {
	if f.Column == "groupid" {
		if r.good(group) {
			r.wrong[group] = true
			r.fault(r.seen[group], group, "%s", f.Text)
		}
		return
	}
	path := join(element, f.Column)
	if field, ok := r.seen[path]; ok {
		at = field
	}
	r.fault(at, path, "%s", f.Text)
}

// groupListLines is groups.list in YAML.
func groupListLines(list map[string][]groups.Member) (lines []string) {
	for _, id := range slices.Sorted(maps.Keys(list)) {
		lines = append(lines, strconv.Quote(id)+":")
		for _, line := range recordLines(memberFields, list[id]) {
			lines = append(lines, "  "+line)
		}
	}
	return lines
}

// storeForm is the URL of a store.  Its fault does not quote it: it may have a password.
var storeForm = form[string]{
	name: "the URL of a store", quoted: true,
	parse: func(text string) (string, error) {
		_, err := groups.Open(text, groups.Options{})
		return text, err
	},
	write: func(text string) string { return text },
}

// queryForm is SQL, or nothing.
var queryForm = form[string]{
	name: "a query in SQL", quoted: true,
	parse: func(text string) (string, error) {
		bad := func(c rune) bool { return c < ' ' && c != '\n' && c != '\t' || c == 0x7F || c == 0xFFFD }
		if strings.ContainsFunc(text, bad) {
			return "", fmt.Errorf("%q holds a control character", text)
		}
		return text, nil
	},
	write: func(text string) string { return text },
}

var unknownGroupForm = form[string]{
	name: "stay or release",
	parse: func(text string) (string, error) {
		if text != groupStay && text != groupRelease {
			return "", misfit(text, "what may become of a caller", groupStay+" or "+groupRelease)
		}
		return text, nil
	},
	write: func(text string) string { return text },
}
