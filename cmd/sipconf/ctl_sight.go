package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/sipconf/sipconf/control"
)

// sight is what an operator is shown of the server's answers, at a time, in whose zone all times are told.
type sight struct{ now time.Time }

// status is `sipconf ctl status`.
func (s sight) status(w io.Writer, st control.Status) error {
	lines := [][]string{
		{"version", st.Version},
		{"running since", fmt.Sprintf("%s (%s), PID %d", s.when(st.Since), length(s.now.Sub(st.Since)), st.PID)},
		{"listens on", strings.Join(st.Listeners, ", ")},
		{"rooms", strconv.Itoa(st.Rooms)},
		{"participants", strconv.Itoa(st.Participants)},
		{"calls", strconv.Itoa(st.Calls)},
		{"being called", fmt.Sprintf("%d, %d of them waiting for a line", st.Dialouts, st.DialoutsWaiting)},
		{"recordings", strconv.Itoa(st.Recordings)},
		{"links", fmt.Sprintf("%d connected of %d", st.LinksUp, st.Links)},
		{"ticks", fmt.Sprintf("%d, %d late, %d skipped", st.Ticks, st.TicksLate, st.TicksSkipped)},
	}
	if st.Ending {
		lines = append(lines, []string{"ending", "no new calls are taken"})
	}
	if st.Panics > 0 {
		lines = append(lines, []string{"panics", fmt.Sprintf("%d: the log has them, please report them", st.Panics)})
	}
	if err := writeColumns(w, lines); err != nil {
		return err
	}
	if len(st.Trunks) == 0 {
		_, err := fmt.Fprintln(w, "\nNo trunks are configured: nobody can be called.")
		return err
	}
	table := [][]string{{"trunk", "state", "since", "lines", "today", "answered", "last error"}}
	for _, t := range st.Trunks {
		state := "up"
		switch {
		case !t.Up:
			state = "down"
		case !t.Rests.IsZero():
			state = "rests until " + s.when(t.Rests)
		}
		table = append(table, []string{
			t.Name, state, s.when(t.Since), of(t.Calls, t.MaxCalls), of(t.Today, t.MaxDaily),
			fmt.Sprintf("%d of %d", t.Answered, t.Attempts), control.Printable(t.LastError),
		})
	}
	fmt.Fprintln(w)
	return writeColumns(w, table)
}

// rooms is `sipconf ctl rooms`.
func (s sight) rooms(w io.Writer, list control.RoomList) error {
	if len(list.Rooms) == 0 {
		_, err := fmt.Fprintln(w, "There are no rooms: nobody is in a conference.")
		return err
	}
	for i, r := range list.Rooms {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintln(w, s.headline(r))
		if len(r.Participants) == 0 {
			continue
		}
		table := [][]string{{"name", "number", "since", "role", "state", "call"}}
		for _, p := range r.Participants {
			table = append(table, []string{
				control.Printable(p.Name), control.Printable(p.Number), s.when(p.Since), p.Role, stateOf(p), control.Printable(p.Call),
			})
		}
		if err := writeColumns(w, table); err != nil {
			return err
		}
	}
	return nil
}

// headline is a room in one line.
func (s sight) headline(r control.Room) string {
	said := []string{fmt.Sprintf("Room %s since %s (%s)", control.Printable(r.Room), s.when(r.Since), length(s.now.Sub(r.Since)))}
	switch n := len(r.Participants); n {
	case 0:
		said = append(said, "nobody is in it yet")
	default:
		said = append(said, count(n, "call"))
	}
	if r.Locked {
		said = append(said, "locked")
	}
	if r.Silenced {
		said = append(said, "all but hosts are muted")
	}
	if r.Recording != "" {
		said = append(said, "recorded in "+r.Recording)
	}
	return strings.Join(said, ", ")
}

// stateOf is what there is to say of a participant.
func stateOf(p control.Participant) string {
	var said []string
	add := func(is bool, words string) {
		if is {
			said = append(said, words)
		}
	}
	add(p.State == control.StateWaiting, "not in yet")
	add(p.State == control.StateAside, "aside")
	add(p.Held, "on hold")
	add(p.Muted, "muted")
	add(p.Silenced, "muted by a host")
	add(p.Deaf, "hears nobody")
	add(p.Talking, "talks")
	return strings.Join(said, ", ")
}

// links is `sipconf ctl links`.
func (s sight) links(w io.Writer, list control.LinkList) error {
	if len(list.Links) == 0 {
		_, err := fmt.Fprintln(w, "No links are configured.")
		return err
	}
	table := [][]string{{"room", "number", "trunk", "line", "state", "attempts", "connected", "lost", "last cause"}}
	lined := false
	for _, l := range list.Links {
		lined = lined || l.Line != ""
		state := l.State
		switch {
		case !l.Until.IsZero():
			state += " until " + s.when(l.Until)
		case !l.Since.IsZero():
			state += " since " + s.when(l.Since)
		}
		table = append(table, []string{
			l.Room, l.Number, l.Trunk, l.Line, state,
			strconv.FormatUint(l.Attempts, 10), strconv.FormatUint(l.Connected, 10), strconv.FormatUint(l.Lost, 10), control.Printable(l.Cause),
		})
	}
	if !lined {
		for i, row := range table {
			table[i] = append(row[:3:3], row[4:]...)
		}
	}
	return writeColumns(w, table)
}

// showKicked is what is said of a call that is hung up.
func showKicked(w io.Writer, d control.Done) error {
	text := "%s in room %s is hung up.\n"
	if d.Already {
		text = "%s in room %s is being hung up already.\n"
	}
	_, err := fmt.Fprintf(w, text, control.Who(d.Name, d.Number, d.Call), control.Printable(d.Room))
	return err
}

// showSilenced is what is said of a call that is muted, or not any more.
func showSilenced(w io.Writer, d control.Done) error {
	text := "%s in room %s is muted"
	if !d.Silenced {
		text = "%s in room %s may be heard"
	}
	if d.Already {
		text += " already"
	}
	switch {
	case d.Silenced && d.Muted:
		text += "; he has muted himself as well"
	case d.Muted:
		text += ", but has muted himself, which only he can undo"
	}
	_, err := fmt.Fprintf(w, text+".\n", control.Who(d.Name, d.Number, d.Call), control.Printable(d.Room))
	return err
}

// showUpgraded is what is said of an upgrade.
func showUpgraded(w io.Writer, u control.Upgraded) error {
	if !u.Done {
		_, err := fmt.Fprintf(w, "%s is being replaced: the log says how that ends, or \"sipconf ctl upgrade --wait\" the next time.\n", control.Printable(u.From))
		return err
	}
	_, err := fmt.Fprintf(w, "%s has taken over from %s, with %s, in %.2f s. It is process %d.\n",
		control.Printable(u.To), control.Printable(u.From), callsOf(u.Calls), u.Seconds, u.PID)
	return err
}

// draining is what is said of a server that drains.
func (s sight) draining(w io.Writer, d control.Draining) error {
	text := "No new calls are taken but to rooms that live. "
	switch {
	case d.Calls == 0:
		text += "There are no calls, so the server ends."
	case d.Until.IsZero():
		text += fmt.Sprintf("The server waits for %s and ends with the last one.", callsOf(d.Calls))
	default:
		text += fmt.Sprintf("The server waits for %s and ends with the last one, or at %s.", callsOf(d.Calls), s.when(d.Until))
	}
	_, err := fmt.Fprintln(w, text)
	return err
}

// callsOf is a number of calls, in words.
func callsOf(n int) string {
	if n == 1 {
		return "1 call"
	}
	return fmt.Sprintf("%d calls", n)
}

// when is a time of today, or with its date.
func (s sight) when(t time.Time) string {
	t = t.In(s.now.Location())
	if t.Format(time.DateOnly) == s.now.Format(time.DateOnly) {
		return t.Format(time.TimeOnly)
	}
	return t.Format(time.DateTime)
}

// length is a duration as one would say it: 45s, 12m, 3h05m, 12d03h.
func length(d time.Duration) string {
	d = max(d, 0).Truncate(time.Second)
	switch minutes, hours := int(d.Minutes()), int(d.Hours()); {
	case d < time.Minute:
		return d.String()
	case hours == 0:
		return fmt.Sprintf("%dm", minutes)
	case hours < 24:
		return fmt.Sprintf("%dh%02dm", hours, minutes%60)
	default:
		return fmt.Sprintf("%dd%02dh", hours/24, hours%24)
	}
}

// of is how much is taken of what there is; 0 of no limit.
func of(n, most int) string {
	if most == 0 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%d of %d", n, most)
}
