package plan

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// template is a name with variables in it, as the row of its parts. Empty: nothing is expanded.
type template []part

// part is a piece of text, or a slice of a variable.
type part struct {
	text     string
	variable variable
	skip     int // characters to leave out at the front; negative: to keep at the end
	length   int // characters to keep at most; negative: to leave out at the end
}

// variable is where a part takes its text from.
type variable uint8

const (
	none   variable = iota // the part's own text
	exten                  // the dialled number
	caller                 // the caller's number
	fresh                  // digits that were drawn for a room that did not exist before
)

// variables are the names that the operator knows from Asterisk, and FRESH.
var variables = map[string]variable{"EXTEN": exten, "CALLERID(num)": caller, "FRESH": fresh}

// parseTemplate reads a template.
func parseTemplate(s string) (template, error) {
	var t template
	for rest := s; rest != ""; {
		text, tail, found := strings.Cut(rest, "${")
		if text != "" {
			if err := checkText(text, len(t) == 0); err != nil {
				return nil, err
			}
			t = append(t, part{text: text})
		}
		if !found {
			break
		}
		inside, after, closed := strings.Cut(tail, "}")
		if !closed {
			return nil, fmt.Errorf("${%s is not closed; add '}'", tail)
		}
		p, err := parseVariable(inside)
		if err != nil {
			return nil, err
		}
		t = append(t, p)
		rest = after
	}
	return t, nil
}

// checkText makes sure that the fixed text of a template can be part of a name.
func checkText(text string, first bool) error {
	for i := range len(text) {
		if c := text[i]; !nameChar(c) || first && i == 0 && !nameStart(c) {
			return fmt.Errorf("the character %q cannot stand there in a name; use letters, digits, '+', '_', '.' and '-', and begin with a letter, a digit or '+'", rune(c))
		}
	}
	if len(text) > maxName {
		return fmt.Errorf("it is longer than a name may be; use at most %d characters", maxName)
	}
	return nil
}

// parseVariable reads what stands between "${" and "}": NAME, NAME:skip or NAME:skip:length.
func parseVariable(s string) (part, error) {
	fields := strings.Split(s, ":")
	p := part{variable: variables[fields[0]], length: math.MaxInt}
	if p.variable == none {
		return p, fmt.Errorf("the variable ${%s} is unknown; use ${EXTEN} or ${CALLERID(num)}", s)
	}
	if len(fields) > 3 {
		return p, fmt.Errorf("${%s} has too many colons; write ${%s:skip:length}", s, fields[0])
	}
	for i, into := range []*int{&p.skip, &p.length}[:len(fields)-1] {
		n, err := strconv.Atoi(fields[i+1])
		if err != nil {
			return p, fmt.Errorf("%q in ${%s} is not a number of characters; write for example ${%s:2}", fields[i+1], s, fields[0])
		}
		*into = n
	}
	if p.length == 0 {
		return p, errors.New("${" + s + "} is always empty; leave the length out or make it more than 0")
	}
	return p, nil
}

// expand fills the template in.
func (t template) expand(number, callerNumber string) string {
	var b strings.Builder
	for _, p := range t {
		switch p.variable {
		case none:
			b.WriteString(p.text)
		case exten:
			b.WriteString(slice(number, p.skip, p.length))
		case caller:
			b.WriteString(slice(callerNumber, p.skip, p.length))
		}
	}
	return b.String()
}

// slice cuts as Asterisk's ${NAME:skip:length} does: what reaches beyond the ends is cut off, never
// an error.
func slice(s string, skip, length int) string {
	if skip < 0 {
		skip = max(len(s)+skip, 0)
	}
	s = s[min(skip, len(s)):]
	if length < 0 {
		return s[:max(len(s)+length, 0)]
	}
	return s[:min(length, len(s))]
}
