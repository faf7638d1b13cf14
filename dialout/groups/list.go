package groups

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// listWord is the URL of the store that is a list in the configuration.
const listWord = "list"

// A list is the store that stands in the configuration itself.
type list struct {
	save func(map[string][]Member) error // writes it down, see Options

	mu      sync.Mutex
	members map[string][]Member // by group; a group has one at least.  What is in it does not change, it is replaced
}

func newList(o Options) *list {
	l := &list{save: o.SaveList, members: map[string][]Member{}}
	for group, members := range o.List {
		rows := make([]Row, len(members))
		for i, m := range members {
			rows[i] = Row{group, m}.tidy()
		}
		if members := callable(rows); len(members) > 0 {
			l.members[group] = members
		}
	}
	return l
}

func (l *list) Members(_ context.Context, group string) ([]Member, error) {
	members, ok := l.now()[group]
	if !ok {
		return nil, fmt.Errorf("group %q: %w", group, ErrUnknown)
	}
	return slices.Clone(members), nil
}

func (l *list) Rows(context.Context) ([]Row, error) {
	rows := rowsOf(l.now())
	slices.SortFunc(rows, compareRows)
	return rows, nil
}

func (l *list) Prepare(context.Context) error { return nil }

// now is the list as it is now.
func (l *list) now() map[string][]Member {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.members
}

func rowsOf(list map[string][]Member) (rows []Row) {
	for group, members := range list {
		for _, m := range members {
			rows = append(rows, Row{group, m})
		}
	}
	return rows
}

var errList = errors.New("the groups are a list in the configuration (groups.store: list): change groups.list there, and start the server again")

// Put adds at the end of a group.
func (l *list) Put(_ context.Context, rows []Row) (Changes, error) {
	if l.save == nil {
		return Changes{}, errList
	}
	if err := wellFormed(rows); err != nil {
		return Changes{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	made := editFor(rowsOf(l.members), rows)
	after := l.copied()
	for _, r := range made.add {
		after[r.Group] = append(after[r.Group], r.Member)
	}
	for _, r := range made.change {
		after[r.Group][indexOf(after[r.Group], r.Extension)] = r.Member
	}
	if len(made.add)+len(made.change) > 0 {
		if err := l.replace(after); err != nil {
			return Changes{}, err
		}
	}
	return made.changes(), nil
}

// Remove takes out of a group, or the whole group.
func (l *list) Remove(_ context.Context, group, extension string) (int, error) {
	if l.save == nil {
		return 0, errList
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	after := l.copied()
	left := slices.DeleteFunc(after[group], func(m Member) bool { return extension == "" || m.Extension == extension })
	count := len(l.members[group]) - len(left)
	if count == 0 {
		return 0, nil
	}
	if after[group] = left; len(left) == 0 {
		delete(after, group)
	}
	return count, l.replace(after)
}

// copied is a copy that may be changed.  The lock is held, as for replace.
func (l *list) copied() map[string][]Member {
	all := maps.Clone(l.members)
	for group := range all {
		all[group] = slices.Clone(all[group])
	}
	return all
}

// replace writes another list down, and has it from then on.
func (l *list) replace(after map[string][]Member) error {
	if err := l.save(after); err != nil {
		return err
	}
	l.members = after
	return nil
}

func indexOf(members []Member, extension string) int {
	return slices.IndexFunc(members, func(m Member) bool { return m.Extension == extension })
}
