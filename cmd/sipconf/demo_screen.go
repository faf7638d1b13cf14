package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"
)

// A screen is where the demo shows itself.  On a terminal it draws the roster again and again at the
// same place; elsewhere it only writes messages, one a line and without escape codes.
// Safe for concurrent use.
type screen struct {
	out     io.Writer
	columns func() int // of the terminal; nil: out is none

	mu       sync.Mutex
	messages []string // the last ones, for the roster
	drawn    int      // lines of the roster that stand above the cursor
}

// maxMessages is how many messages stand under the roster.
const maxMessages = 16

// The escape codes that we use (ECMA-48).  %d is a number of lines.
const (
	escUp       = "\x1b[%dA"
	escClear    = "\x1b[K"    // to the end of the line
	escBelow    = "\x1b[J"    // to the end of the screen
	escHide     = "\x1b[?25l" // the cursor
	escShow     = "\x1b[?25h"
	escBold     = "\x1b[1m"
	escOrdinary = "\x1b[0m"
)

func newScreen(out io.Writer) *screen {
	s := &screen{out: out}
	if file, ok := out.(*os.File); ok && term.IsTerminal(int(file.Fd())) && os.Getenv("TERM") != "dumb" {
		s.columns = func() int {
			width, _, err := term.GetSize(int(file.Fd()))
			if err != nil || width <= 0 {
				return 80
			}
			return width
		}
		fmt.Fprint(out, escHide)
	}
	return s
}

// live says whether the screen draws rosters.
func (s *screen) live() bool { return s.columns != nil }

// say shows a message.
func (s *screen) say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	message := fmt.Sprintf(format, args...)
	if !s.live() {
		fmt.Fprintln(s.out, message)
		return
	}
	s.messages = append(s.messages, strings.Split(message, "\n")...)
	s.messages = s.messages[max(0, len(s.messages)-maxMessages):]
}

// Write takes the lines of the log, so that they do not run across the roster.
func (s *screen) Write(b []byte) (int, error) {
	s.say("%s", strings.TrimRight(string(b), "\n"))
	return len(b), nil
}

// draw shows the roster in place of the one before.  Elsewhere than on a terminal it does nothing.
func (s *screen) draw(r attendance) {
	if !s.live() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r.messages = s.messages
	width := s.columns()
	var b strings.Builder
	if s.drawn > 0 {
		fmt.Fprintf(&b, escUp, s.drawn)
	}
	s.drawn = 0
	for _, line := range r.lines() {
		for _, part := range folded(line, width-1) {
			if strings.HasPrefix(part, "* ") {
				part = escBold + part + escOrdinary
			}
			b.WriteString("\r" + part + escClear + "\n")
			s.drawn++
		}
	}
	b.WriteString(escBelow)
	io.WriteString(s.out, b.String())
}

// close leaves the terminal as it was, with the cursor under what was drawn.
func (s *screen) close() {
	if s.live() {
		fmt.Fprint(s.out, escShow)
	}
}

// folded breaks a line that is wider than the terminal, which would otherwise break it itself and
// so be a line more than we count.  It breaks between words where it can, and indents what follows.
func folded(line string, width int) []string {
	const indent = "    "
	var parts []string
	runes := []rune(line)
	for width > 2*len(indent) && len(runes) > width {
		at := width
		for i := width; i > 2*len(indent); i-- {
			if runes[i] == ' ' {
				at = i
				break
			}
		}
		parts = append(parts, string(runes[:at]))
		runes = []rune(indent + strings.TrimLeft(string(runes[at:]), " "))
	}
	return append(parts, string(runes))
}
