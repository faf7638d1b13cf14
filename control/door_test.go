package control

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// The operator looks, mutes, kicks; what he asks for is what is done, and what is there already is said to be so.
func TestCommands(t *testing.T) {
	o := newTheatre()
	c, _ := o.opens(t)
	anna := `"room":"5234","call":"a1","name":"Anna","number":"101"`
	for _, step := range []struct {
		command Command
		about   any
		want    string
	}{
		{ShowStatus, nil, `{"version":"v1","pid":7,"since":"2026-11-22T10:00:00Z","uptime_seconds":0,"ending":false,"listeners":["udp://127.0.0.1:5060"],` +
			`"rooms":2,"participants":0,"calls":0,"recordings":0,"links":0,"links_up":0,"dialouts":0,"dialouts_waiting":0,` +
			`"ticks":0,"ticks_late":0,"ticks_skipped":0,"panics":0,"trunks":[]}`},
		{ShowLinks, nil, `{"links":[]}`},
		{Mute, Whom{"5234", "101"}, `{` + anna + `,"already":false,"silenced":true,"muted":false}`},
		{Mute, Whom{"5234", "a1"}, `{` + anna + `,"already":true,"silenced":true,"muted":false}`},
		{Unmute, Whom{"5234", "101"}, `{` + anna + `,"already":false,"silenced":false,"muted":false}`},
		{Unmute, Whom{"5234", "b1"}, `{"room":"5234","call":"b1","name":"Boris","number":"102","already":true,"silenced":false,"muted":true}`},
		{Kick, Whom{"5234", "101"}, `{` + anna + `,"already":false,"silenced":false,"muted":false}`},
		{Kick, Whom{"5234", "101"}, `{` + anna + `,"already":true,"silenced":false,"muted":false}`},
		{Kick, Whom{"5234", "103"}, `{"room":"5234","call":"c1","name":"","number":"103","already":false,"silenced":false,"muted":false}`},

		{Kick, Whom{"9999", "101"}, "no: there is no room 9999: there are 5234 and 777"},
		{Kick, Whom{"777", "101"}, "no: nobody in room 777 is 101: nobody is in it yet"},
		{Mute, Whom{"5234", "999\x1b[2J"}, "no: nobody in room 5234 is 999?[2J: there are Anna (101), Boris (102), Boris (102) and 103"},
		{Mute, Whom{"5234", ""}, "no: say who in room 5234, by number or call: there are Anna (101), Boris (102), Boris (102) and 103"},
		{Mute, Whom{"5234", "102"}, "no: 102 has 2 calls in room 5234: say which one: b1 (Boris (102)) and b2 (Boris (102))"},
		{Mute, Whom{"5234", "103"}, "no: 103 is not in room 5234 yet, and nobody hears him there"},
		{Kick, "5234", "no: the request is no {\"room\": ..., \"who\": ...}: json: cannot unmarshal string into Go value of type control.Whom"},
		{Kick, Whom{strings.Repeat("5", mostBody), "101"}, "no: the request has more than 8192 bytes"},
		{"POST /v1/fly", Whom{}, "no: the server that runs, sipconf v1, does not know POST /v1/fly"},
		{"POST /v1/status", nil, "no: the server that runs, sipconf v1, does not know POST /v1/status"},
	} {
		if got := c.says(t, step.command, step.about); got != step.want {
			t.Errorf("%s %+.50v: got\n%s\nwant\n%s", step.command, step.about, got, step.want)
		}
	}
	if got := c.says(t, ShowRooms, nil); !strings.HasPrefix(got, `{"rooms":[{"room":"5234","since":"2026-11-22T10:00:00Z","locked":false,"silenced":false,"participants":[{"call":"a1",`) ||
		!strings.HasSuffix(got, `{"room":"777","since":"2026-11-22T10:00:00Z","locked":false,"silenced":false,"participants":[]}]}`) {
		t.Errorf("rooms: %s", got)
	}
	o.rooms = nil
	if got, want := c.says(t, Kick, Whom{"5234", "101"}), "no: there is no room 5234: there are no rooms now"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Of many rooms not all are named.
func TestManyRooms(t *testing.T) {
	o := newTheatre()
	o.rooms = nil
	for i := range 25 {
		o.rooms = append(o.rooms, Room{Room: fmt.Sprint(1000 + i)})
	}
	c, _ := o.opens(t)
	if got := c.says(t, Kick, Whom{"9", "101"}); !strings.HasSuffix(got, "1018, 1019 and 5 more") {
		t.Error(got)
	}
}

// A panic of ours costs the one command, and is told and counted.
func TestPanic(t *testing.T) {
	o := newTheatre()
	o.hangs = make(chan struct{})
	var log bytes.Buffer
	c, d := o.opens(t)
	d.http.Handler = d.handler(panicking{o}, "v1", slog.New(slog.NewTextHandler(&log, nil)))
	if got := c.says(t, ShowStatus, nil); !strings.Contains(got, "please report it") {
		t.Error(got)
	}
	if got := c.says(t, ShowLinks, nil); got != `{"links":[]}` {
		t.Error(got)
	}
	d.Close()
	if d.Panics() != 1 || !strings.Contains(log.String(), "the lights went out") {
		t.Errorf("%d panics, log %s", d.Panics(), &log)
	}
}

type panicking struct{ *theatre }

func (panicking) Status() Status { panic("the lights went out") }

// Three who hang do not keep the door from being closed: one says nothing, one says half of something, one does not read; nor a command that takes long.
func TestHungClients(t *testing.T) {
	o := newTheatre()
	o.hangs = make(chan struct{})
	c, d := o.opens(t)
	for _, said := range []string{"", "POST /v1/kick HTTP/1.1\r\nHost: sipconf\r\nContent-Length: 100\r\n\r\n{", "GET /v1/status HTTP/1.1\r\nHost: sipconf\r\n\r\n"} {
		conn, err := net.Dial("unix", c.Path)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, said); err != nil {
			t.Fatal(err)
		}
	}
	if got := c.says(t, ShowLinks, nil); got != `{"links":[]}` { // whoever does not hang is served
		t.Error(got)
	}
	closed := make(chan struct{})
	go func() { d.Close(); close(closed) }() // ends below
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		t.Error("the door does not close")
	}
	close(o.hangs)
	<-closed
	d.Close()
	if err := c.Ask(t.Context(), ShowLinks, nil, new(LinkList)); !errors.Is(err, ErrNobody) {
		t.Errorf("after the end: %v", err)
	}
}

// What is said to a client about what is not there.
func TestNobodyAnswers(t *testing.T) {
	c := Client{Path: t.TempDir() + "/ctl.sock"}
	fails := func(words string) {
		t.Helper()
		if err := c.Ask(t.Context(), ShowStatus, nil, new(Status)); !errors.Is(err, ErrNobody) || !strings.Contains(err.Error(), words) {
			t.Errorf("got %v, want ErrNobody and %q", err, words)
		}
	}
	fails("is it running?")
	leaveBehind(t, c.Path)
	fails("did not end well")
}

// What is no sipconf is not taken for one.
func TestSomebodyElseAnswers(t *testing.T) {
	path := t.TempDir() + "/ctl.sock"
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	answers := make(chan string, 3)
	answers <- "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
	answers <- "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno"
	answers <- "220 mail.example ESMTP\r\n"
	done := make(chan struct{})
	go func() { // ends with the listener
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			http.ReadRequest(bufio.NewReader(conn))
			io.WriteString(conn, <-answers)
			conn.Close()
		}
	}()
	for range 3 {
		err := Client{Path: path}.Ask(t.Context(), ShowStatus, nil, new(Status))
		if err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("got %v, want an error that names the socket", err)
		}
	}
	l.Close()
	<-done
}

// A server that says nothing is given up.
func TestTheServerHangs(t *testing.T) {
	o := newTheatre()
	o.hangs = make(chan struct{})
	c, _ := o.opens(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := c.Ask(ctx, ShowStatus, nil, new(Status))
	close(o.hangs)
	if !errors.Is(err, ErrNobody) || !strings.Contains(err.Error(), "its log may say why") {
		t.Errorf("got %v", err)
	}
}
