package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/dialout/links"
	"github.com/sipconf/sipconf/rooms/plan"
)

// The sections links and lines are lists of records. What they mean package links knows; here they are read, and their
// faults get their lines.
const (
	linksPath = "links"
	linesPath = "lines"
)

// linkFields are the keys of one link.
var linkFields = []field[links.Link]{
	{"room", one(textForm, func(l *links.Link) *string { return &l.Room })},
	{"number", one(textForm, func(l *links.Link) *string { return &l.Number })},
	{"trunk", one(textForm, func(l *links.Link) *string { return &l.Trunk })},
	{"from", many(textForm, func(l *links.Link) *[]string { return &l.From })},
	{"line", one(textForm, func(l *links.Link) *string { return &l.Line })},
	{"dtmf", one(textForm, func(l *links.Link) *string { return &l.DTMF })},
	{"send", one(sendingForm, func(l *links.Link) *links.Sending { return &l.Send })},
	{"tone", one(linkTime, func(l *links.Link) *time.Duration { return &l.Tone })},
	{"gap", one(linkTime, func(l *links.Link) *time.Duration { return &l.Gap })},
	{"retry", many(linkWait, func(l *links.Link) *[]time.Duration { return &l.Retry })},
	{"ended", one(linkTime, func(l *links.Link) *time.Duration { return &l.Ended })},
	{"lost", one(linkTime, func(l *links.Link) *time.Duration { return &l.Lost })},
}

// lineFields are the keys of one line.
var lineFields = []field[links.Line]{
	{"name", one(textForm, func(l *links.Line) *string { return &l.Name })},
	{"capacity", one(numberForm(1, 10000), func(l *links.Line) *int { return &l.Capacity })},
}

// Times of a link; what else may be in them package links knows.
var (
	linkWait = durationForm(0, 24*time.Hour, true)
	linkTime = durationForm(time.Millisecond, 24*time.Hour, false)
)

// sendingForm is how keys are sent.
var sendingForm = form[links.Sending]{name: "a way to send keys", parse: links.ParseSending, write: links.Sending.String}

// readLinks reads the section links.
func (r *configReader) readLinks(at place, node ast.Node) {
	if all, ok := readRecords(r, at, linksPath, node, linkFields, `{room: "354233", number: "84957776675", trunk: provider, dtmf: "ww354233"}`); ok {
		r.config.Links = all
	}
}

// readLines reads the section lines.
func (r *configReader) readLines(at place, node ast.Node) {
	if all, ok := readRecords(r, at, linesPath, node, lineFields, `{name: provider, capacity: 1}`); ok {
		r.config.Lines = all
	}
}

// checkLinks looks at links and lines, and whether what they say can be done.
func (r *configReader) checkLinks() {
	for i := range r.config.Links {
		r.checkLinkRoom(i)
	}
	joined, ok := links.Check(r.config.Links, r.config.Lines, r.config.dialling()).(interface{ Unwrap() []error })
	if !ok {
		return
	}
	for _, err := range joined.Unwrap() {
		var wrong *dialout.Fault
		if errors.As(err, &wrong) {
			r.linkFault(wrong)
		}
	}
}

// checkLinkRoom warns of a room into which nobody seems to come: neither by dialling its number nor by *1 before it.
func (r *configReader) checkLinkRoom(i int) {
	room, record := r.config.Links[i].Room, fmt.Sprintf("%s[%d]", linksPath, i)
	numbers, err := plan.Compile(r.config.Numbers)
	if err != nil || room == "" || !r.good(record, join(record, "room"), numbersPath) {
		return
	}
	for _, dialled := range []string{room, "*1" + room} {
		if to, ok := numbers.Route(dialled, ""); ok && to.Room == room {
			return
		}
	}
	r.warning(r.seen[record], record, "nothing in numbers leads to room %s when %s is dialled, nor *1%s: nobody will be in it", room, room, room)
}

// linkFault records one of their faults.
func (r *configReader) linkFault(wrong *dialout.Fault) {
	record, name, _ := strings.Cut(wrong.Path, "].")
	r.recordFault(record+"]", name, wrong.Value, wrong.Err)
}
