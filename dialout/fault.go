package dialout

import "fmt"

// Fault is one thing that is wrong with the configuration: where, and what to do about it. The text is
// made to be read by the operator; Path lets a caller put the path of his own configuration before it.
type Fault struct {
	Path  string // "allow[2]", "trunks[0].rate"
	Value string // what stands there
	Err   error  // what is wrong with it, without the place
}

// fault builds a Fault; format as in fmt.Errorf.
func fault(path, value, format string, args ...any) *Fault {
	return &Fault{Path: path, Value: value, Err: fmt.Errorf(format, args...)}
}

// Error names the place and the thing.
func (f *Fault) Error() string {
	if f.Value == "" {
		return fmt.Sprintf("%s: %v", f.Path, f.Err)
	}
	return fmt.Sprintf("%s %q: %v", f.Path, f.Value, f.Err)
}

// Unwrap returns what is wrong, without the place.
func (f *Fault) Unwrap() error { return f.Err }
