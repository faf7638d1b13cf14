package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A place is where a setting was written: a line of a file, or an environment variable.
// The zero value is nowhere: a default, or the file as a whole.
type place struct {
	file         string
	line, column int    // from 1; 0 when unknown
	variable     string // of the environment; file, line and column are then empty
}

func (p place) String() string {
	switch {
	case p.variable != "":
		return p.variable
	case p.line == 0:
		return p.file
	case p.column == 0:
		return fmt.Sprintf("%s:%d", p.file, p.line)
	}
	return fmt.Sprintf("%s:%d:%d", p.file, p.line, p.column)
}

// A fault is one thing that is wrong, or, as a warning, that is probably not meant so.
// A server does not start with a fault; it does with warnings.
type fault struct {
	place   place
	path    string // the key: sip.listen[1]; empty when the file as a whole is at fault
	text    string
	warning bool
}

// String writes f in one line: config.yaml:12:5: sip.listen[1]: "udp:/0" is not a listener: ...
func (f fault) String() string {
	var parts []string
	if at := f.place.String(); at != "" {
		parts = append(parts, at)
	}
	if f.warning {
		parts = append(parts, "warning")
	}
	if f.path != "" && f.place.variable == "" { // the variable's name says the key
		parts = append(parts, f.path)
	}
	return strings.Join(append(parts, f.text), ": ")
}

// faults is every fault of a configuration, one a line.
type faults []fault

func (f faults) Error() string {
	lines := make([]string, len(f))
	for i := range f {
		lines[i] = f[i].String()
	}
	return strings.Join(lines, "\n")
}

// sort puts the faults in the order of the file, and those of the environment after them.
func (f faults) sort() {
	slices.SortStableFunc(f, func(a, b fault) int {
		return cmp.Or(
			strings.Compare(a.place.variable, b.place.variable), // the empty string comes first
			cmp.Compare(a.place.line, b.place.line),
			cmp.Compare(a.place.column, b.place.column))
	})
}

// split separates the warnings from the rest.
func (f faults) split() (warnings, rest faults) {
	for _, fault := range f {
		if fault.warning {
			warnings = append(warnings, fault)
		} else {
			rest = append(rest, fault)
		}
	}
	return warnings, rest
}

// suggest is ": did you mean NAME?" for the name that text most resembles, or nothing.
func suggest(text string, names []string) string {
	if len(text) > 64 {
		return "" // this is no slip of a finger
	}
	best, least := "", 1+max(1, len(text)/3) // so many letters may be wrong
	for _, name := range names {
		if d := distance(text, name); d < least {
			best, least = name, d
		}
	}
	if best == "" {
		return ""
	}
	return ": did you mean " + best + "?"
}

// distance is how many letters must be put in, left out or replaced to make b of a
// (Levenshtein's distance).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			changed := diagonal
			if a[i] != b[j] {
				changed++
			}
			diagonal = row[j+1]
			row[j+1] = min(changed, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
