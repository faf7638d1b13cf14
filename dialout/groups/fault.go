package groups

import (
	"fmt"
	"strings"
)

// A Fault is one thing that is wrong with a row.
type Fault struct {
	Line   int    // of a CSV file, from 1; 0: the row is from nowhere
	Column string // groupid, extension, name or description; empty: the row as a whole
	Text   string
}

func (f Fault) String() string {
	var parts []string
	if f.Line > 0 {
		parts = append(parts, fmt.Sprintf("line %d", f.Line))
	}
	if f.Column != "" {
		parts = append(parts, f.Column)
	}
	return strings.Join(append(parts, f.Text), ": ")
}

// Faults is every fault of some rows.  As an error it is one a line.
type Faults []Fault

func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i := range f {
		lines[i] = f[i].String()
	}
	return strings.Join(lines, "\n")
}

// at is f with a line.
func (f Faults) at(line int) Faults {
	for i := range f {
		f[i].Line = line
	}
	return f
}
