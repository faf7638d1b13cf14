package plan

import "fmt"

// Fault is one thing that is wrong with one rule: what, and what to do about it. The text is made
// to be read by the operator; Rule and Field let a caller put the path of his own configuration
// before it.
type Fault struct {
	Rule  int    // index in the list, from 0
	Field string // "pattern", "room" or "group"
	Value string // what stands there
	Err   error  // what is wrong with it, without the place
}

// fault builds a Fault; format as in fmt.Errorf.
func fault(rule int, field, value, format string, args ...any) *Fault {
	return &Fault{Rule: rule, Field: field, Value: value, Err: fmt.Errorf(format, args...)}
}

// Error names the place and the thing.
func (f *Fault) Error() string {
	if f.Value == "" {
		return fmt.Sprintf("rule %d: %s: %v", f.Rule, f.Field, f.Err)
	}
	return fmt.Sprintf("rule %d: %s %q: %v", f.Rule, f.Field, f.Value, f.Err)
}

// Unwrap returns what is wrong, without the place.
func (f *Fault) Unwrap() error { return f.Err }
