package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/sipconf/sipconf/rooms/menu"
)

// The section menus has a map of keys to actions for each role.
const (
	menusPath           = "menus"
	participantMenuPath = menusPath + ".participant"
	hostMenuPath        = menusPath + ".host"
	participantMenuDoc  = "What the keys of a participant do: sequences of 1 to 6 keys, and the names of the actions in docs/menus.md. " +
		"What stands here replaces the whole menu."
	hostMenuDoc = "The same for hosts."
)

// MenusConfig is the section menus.
type MenusConfig struct {
	Hosts    []string      // patterns of the numbers of those who are hosts
	Pause    time.Duration // inter-digit time-out
	DialTone time.Duration // until when the first digit of a number has to come

	Participant, Host map[string]menu.Action
}

func (r *configReader) readParticipantMenu(at place, node ast.Node) {
	r.readMenu(at, participantMenuPath, node, &r.config.Menus.Participant)
}

func (r *configReader) readHostMenu(at place, node ast.Node) {
	r.readMenu(at, hostMenuPath, node, &r.config.Menus.Host)
}

// readMenu reads the map of a role's keys.
func (r *configReader) readMenu(at place, path string, node ast.Node, to *map[string]menu.Action) {
	if node.Type() == ast.NullType {
		return // everything in it is commented out
	}
	r.seen[path] = at
	actions := map[string]menu.Action{}
	r.eachEntry(node, at, path, func(at place, keys string, value ast.Node) {
		sequence := fmt.Sprintf("%s.%s", path, strconv.Quote(keys))
		var name string
		if value.Type() != ast.NullType {
			r.readValue(at, path, sequence, value, scalar[string]{textForm, &name}, "")
			if name == "" {
				return // that has a fault already
			}
		}
		action, err := menu.ParseAction(name)
		if err == nil {
			_, err = menu.New(map[string]menu.Action{keys: action})
		}
		if err != nil {
			r.wrong[path] = true
			r.fault(at, sequence, "%v", err)
			return
		}
		actions[keys] = action
	})
	*to = actions
}

// menuLines is a menu in YAML.
func menuLines(actions map[string]menu.Action) (lines []string) {
	for _, keys := range slices.SortedFunc(maps.Keys(actions), byLengthAndKeys) {
		lines = append(lines, fmt.Sprintf("%s: %s", strconv.Quote(keys), actions[keys]))
	}
	return lines
}

func byLengthAndKeys(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return slices.Compare([]byte(a), []byte(b))
}
