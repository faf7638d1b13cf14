package control

import (
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// theatre is a server of which only what an operator sees is real: who is in its rooms, and what was done to them.
type theatre struct {
	mu     sync.Mutex
	status Status
	rooms  []Room
	links  []Link
	kicked map[string]bool
	hangs  chan struct{} // a status waits for that; nil: it does not wait

	upgrades chan struct{} // an upgrade says here that it has begun, and waits here for its end; nil: it fails
}

var ten = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

func newTheatre() *theatre {
	return &theatre{
		kicked: map[string]bool{},
		status: Status{Version: "v1", PID: 7, Since: ten, Listeners: []string{"udp://127.0.0.1:5060"}, Rooms: 2},
		rooms: []Room{
			{Room: "5234", Since: ten, Participants: []Participant{
				{Call: "a1", Name: "Anna", Number: "101", Since: ten, Role: RoleHost, State: StateIn},
				{Call: "b1", Name: "Boris", Number: "102", Since: ten, Role: RoleParticipant, State: StateIn, Muted: true},
				{Call: "b2", Name: "Boris", Number: "102", Since: ten, Role: RoleParticipant, State: StateAside},
				{Call: "c1", Number: "103", Since: ten, Role: RoleParticipant, State: StateWaiting},
			}},
			{Room: "777", Since: ten},
		},
	}
}

func (o *theatre) Status() Status {
	if o.hangs != nil {
		<-o.hangs
	}
	return o.status
}

func (o *theatre) Rooms() []Room { return o.rooms }
func (o *theatre) Links() []Link { return o.links }

func (o *theatre) Kick(room, call string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	again := o.kicked[room+" "+call]
	o.kicked[room+" "+call] = true
	return again
}

func (o *theatre) Silence(room, call string, silent bool) (Silenced, bool) {
	for _, r := range o.rooms {
		for i, p := range r.Participants {
			if r.Room == room && p.Call == call {
				r.Participants[i].Silenced = silent
				return Silenced{Already: p.Silenced == silent, Muted: p.Muted}, true
			}
		}
	}
	return Silenced{}, false
}

func (o *theatre) Upgrade(wait bool) (Upgraded, error) {
	if o.upgrades == nil {
		return Upgraded{From: "v1"}, errors.New("the new one does not like config.yaml:3")
	}
	done := Upgraded{Done: wait, From: "v1", Calls: 4}
	if wait {
		o.upgrades <- struct{}{}
		<-o.upgrades
		done.To, done.PID, done.Seconds = "v2", 8, 0.5
	}
	return done, nil
}

func (o *theatre) Drain(within time.Duration) Draining {
	if within == 0 {
		return Draining{Calls: 4}
	}
	return Draining{4, ten.Add(within)}
}

// opens opens a door to it.
func (o *theatre) opens(t *testing.T) (Client, *Door) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ctl.sock")
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	d.Serve(o, "v1", slog.New(slog.DiscardHandler))
	t.Cleanup(d.Close)
	return Client{Path: path}, d
}

// says is the answer to a command as it came, or the refusal.
func (c Client) says(t *testing.T, command Command, about any) string {
	t.Helper()
	var answer json.RawMessage
	err := c.Ask(t.Context(), command, about, &answer)
	var no *Refusal
	switch {
	case errors.As(err, &no):
		return "no: " + no.Text
	case err != nil:
		t.Fatalf("%s: %v", command, err)
	}
	return strings.TrimSpace(string(answer))
}
