package dialout

import (
	"fmt"
	"time"

	"github.com/sipconf/sipconf/asterisk/pattern"
)

// Secret is a password. It does not show itself in logs.
type Secret string

// String hides it.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "(hidden)"
}

// GoString hides it too.
func (s Secret) GoString() string { return `"` + s.String() + `"` }

// Trunk is a way out as the operator writes it. Plain data; Name and Address are required.
type Trunk struct {
	Name      string
	Address   string        // "sip:192.168.1.1:5060"; what the Inviter makes of it is its affair
	Transport string        // "udp" or "tcp"; empty: as the address says
	User      string        // for digest authentication; empty: none
	Password  Secret        //
	From      string        // the number or address that our calls come from; empty: the Inviter's own
	MaxCalls  int           // lines; 0: as many as one likes
	MaxDaily  int           // calls from midnight to midnight, whoever asks for them; 0: as many as one likes
	Rate      float64       // INVITEs per second; 0: unpaced
	Internal  bool          // colleagues are behind it: they are in the room as soon as they answer
	Policy    Policy        // what those meet who answer; Unsaid: straight if it is internal, else press-1
	Numbers   []string      // patterns of the numbers that it takes, as dialled; empty: all
	Strip     int           // how many characters to take from a number's begin
	Prepend   string        // and what to put there
	Probe     time.Duration // how often it is asked for a sign of life; 0: never, and it counts as up
}

// rewrite makes of a number what the trunk wants. Empty: nothing is left of it, or nothing that can be dialled.
func (t *Trunk) rewrite(number string) string {
	if t.Strip >= len(number) {
		return ""
	}
	number = t.Prepend + number[t.Strip:]
	if !dialable(number) {
		return ""
	}
	return number
}

// check finds what is wrong with the trunk at that path and reads its patterns.
func (t *Trunk) check(path string, f *faults) (numbers []pattern.Pattern) {
	if t.Name == "" {
		f.add(path+".name", "", "it is missing; write the name by which logs and rules speak of the trunk, such as pbx")
	}
	if t.Address == "" {
		f.add(path+".address", "", "it is missing; write for example sip:192.168.1.1:5060")
	}
	switch t.Transport {
	case "", "udp", "tcp":
	default:
		f.add(path+".transport", t.Transport, "write udp or tcp")
	}
	if t.MaxCalls < 0 {
		f.add(path+".max_calls", fmt.Sprint(t.MaxCalls), "write how many calls it may have at once, or 0 for any number")
	}
	if t.MaxDaily < 0 {
		f.add(path+".max_daily", fmt.Sprint(t.MaxDaily), "write how many calls it may have in a day, or 0 for any number")
	}
	if !(t.Rate >= 0 && t.Rate <= maxRate) {
		f.add(path+".rate", fmt.Sprint(t.Rate), "write how many calls a second it takes, at most %d, or 0 for any number", maxRate)
	}
	if t.Strip < 0 {
		f.add(path+".strip", fmt.Sprint(t.Strip), "write how many characters to take from the begin of a number")
	}
	if t.Prepend != "" && !dialable(t.Prepend) && t.Prepend != "+" {
		f.add(path+".prepend", t.Prepend, "it is made of digits, *, #, letters, . and _, with or without a + before them")
	}
	if t.Probe < 0 {
		f.add(path+".probe", t.Probe.String(), "write how often to probe, or 0 for never")
	}
	if int(t.Policy) >= len(policyNames) {
		f.add(path+".policy", "", "there is no such policy")
	}
	return f.patterns(path+".numbers", t.Numbers)
}

// maxRate is the fastest pace that is still one, in INVITEs per second; who wants more sets none.
const maxRate = 1000
