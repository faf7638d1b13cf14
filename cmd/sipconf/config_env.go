package main

import (
	"slices"
	"strconv"
	"strings"

	"github.com/sipconf/sipconf/dialout"
)

// variablePrefix begins the name of every environment variable of ours.
const variablePrefix = "SIPCONF_"

// otherVariables are those that are no key of the configuration: the file to read, and for the tests
// the folder in which they keep what they have fetched, and from where.
var otherVariables = []string{"SIPCONF_CONFIG", "SIPCONF_CACHE", "SIPCONF_DEBIAN_MIRROR"}

// readEnviron lets the environment override the file.  A list is written with commas.
func (r *configReader) readEnviron(environ []string) {
	for _, entry := range environ {
		name, text, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, variablePrefix) || slices.Contains(otherVariables, name) {
			continue
		}
		i := slices.IndexFunc(keys, func(k key) bool { return k.variable() == name })
		if t := r.trunkOfVariable(name); t != nil {
			t.Password = dialout.Secret(text)
			continue
		}
		if r.managersOfVariable(name, text) {
			continue
		}
		if i < 0 {
			r.unknownVariable(name)
			continue
		}
		r.readVariable(&keys[i], name, text)
	}
}

// trunkOfVariable is the trunk whose password that variable is, so that it need not stand in the file; nil if it is none.
func (r *configReader) trunkOfVariable(name string) *dialout.Trunk {
	for i := range r.config.Trunks {
		if t := &r.config.Trunks[i]; name == trunkVariable(t) {
			return t
		}
	}
	return nil
}

// trunkVariable is the name of the environment variable with a trunk's password: SIPCONF_TRUNKS_MY_PBX_PASSWORD of the trunk my-pbx.
func trunkVariable(t *dialout.Trunk) string {
	return variablePrefix + "TRUNKS_" + variableWord(t.Name) + "_PASSWORD"
}

// variableWord is a name as a part of that of a variable: MY_PBX for my-pbx.
func variableWord(name string) string {
	return strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' {
			return c
		}
		return '_'
	}, strings.ToUpper(name))
}

func (r *configReader) readVariable(k *key, name, text string) {
	value, at := k.value(r.config), place{variable: name}
	r.seen[k.path] = at
	delete(r.wrong, k.path) // what the file says no longer counts
	texts := []string{text}
	if value.isList() {
		value.clear()
		texts = splitList(text)
	}
	for i, text := range texts {
		path := k.path
		if value.isList() {
			path += "[" + strconv.Itoa(i) + "]"
			r.seen[path] = at
		}
		if err := value.parse(strings.TrimSpace(text)); err != nil {
			r.wrong[k.path] = true
			r.fault(at, path, "%v", err)
		}
	}
}

// splitList splits at the commas.  The empty text is the empty list.
func splitList(text string) []string {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	return strings.Split(text, ",")
}

// unknownVariable only warns: container platforms set SIPCONF_PORT and the like themselves, for a
// service whose name is sipconf.
func (r *configReader) unknownVariable(name string) {
	names := slices.Clone(otherVariables)
	for _, k := range keys {
		names = append(names, k.variable())
	}
	r.warning(place{variable: name}, "", "no setting has this name, so it changes nothing%s", suggest(name, names))
}
