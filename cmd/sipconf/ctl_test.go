package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipconf/sipconf/control"
	"github.com/sipconf/sipconf/dialout/links"
	"github.com/sipconf/sipconf/media"
	"github.com/sipconf/sipconf/rooms"
)

// stage is a server of which only what an operator sees is there.
type stage struct {
	status control.Status
	rooms  []control.Room
	links  []control.Link
}

func (s *stage) Status() control.Status      { return s.status }
func (s *stage) Rooms() []control.Room       { return s.rooms }
func (s *stage) Links() []control.Link       { return s.links }
func (s *stage) Kick(room, call string) bool { return call == "dora" } // she is being hung up
func (s *stage) Silence(_, call string, silent bool) (control.Silenced, bool) {
	return control.Silenced{Already: call == "dora", Muted: call == "boris"}, call != "emil" // who has just left
}

func (s *stage) Upgrade(wait bool) (control.Upgraded, error) {
	if s.status.Ending {
		return control.Upgraded{From: "v1.2.3"}, errors.New("it is draining")
	}
	return control.Upgraded{Done: wait, From: "v1.2.3", To: "v1.2.4", PID: 4712, Calls: 12, Seconds: 0.234}, nil
}

func (s *stage) Drain(within time.Duration) control.Draining {
	if within == 0 {
		return control.Draining{Calls: 1}
	}
	return control.Draining{Calls: 2, Until: at("12:00:00").Add(within)}
}

// at is a time of the day on which it is 12:00 in the tests, but for the commands, to which it is a day of the past.
func at(clock string) time.Time {
	t, err := time.Parse(time.DateTime, "2026-11-21 "+clock)
	if err != nil {
		panic(err)
	}
	return t
}

var noon = sight{at("12:00:00")}

// full is a server with one of each.
func full() *stage {
	yesterday := at("09:30:15").AddDate(0, 0, -1)
	return &stage{
		status: control.Status{
			Version: "v1.2.3 (revision 2f42d0bb1c6e)", PID: 4711, Since: yesterday, Uptime: 95385, Listeners: []string{"udp://0.0.0.0:5060", "tcp://[::]:5060"},
			Rooms: 2, Participants: 6, Calls: 8, Recordings: 1, Links: 7, LinksUp: 1, Dialouts: 3, DialoutsWaiting: 1,
			Ticks: 4769250, TicksLate: 12, TicksSkipped: 1, Panics: 1, Ending: true,
			Trunks: []control.Trunk{
				{Name: "pbx", Up: true, Since: yesterday, Calls: 3, MaxCalls: 30, Today: 41, Attempts: 50, Answered: 44},
				{Name: "provider", Since: at("10:02:11"), MaxDaily: 300, Today: 12, Attempts: 12, Answered: 9, Failovers: 3, LastError: "no answer to\x1b OPTIONS"},
				{Name: "spare", Up: true, Since: yesterday, Rests: at("12:03:00"), LastError: "503 Service Unavailable"},
			},
		},
		rooms: []control.Room{
			{Room: "354233", Since: at("11:59:15"), Participants: nil},
			{Room: "5234", Since: at("08:15:02"), Locked: true, Silenced: true, Recording: "/var/lib/sipconf/recordings/5234-20261122-081600.wav",
				Participants: []control.Participant{
					{Call: "anna", Name: "Anna", Number: "101", Since: at("08:15:02"), Role: control.RoleHost, State: control.StateIn, Talking: true, Level: -21, Codec: "PCMA",
						Lost: 3, Jitter: 0.00175, PeerLost: 4, Trip: 0.018},
					{Call: "boris", Name: "Boris \x1b[31mred", Number: "102", Since: at("08:16:00"), Role: control.RoleParticipant, State: control.StateAside, Muted: true, Silenced: true, Codec: "PCMU"},
					{Call: "3c26700857a87f84@10.4.2.1", Number: "+4930123456789", Since: at("08:20:09"), Role: control.RoleParticipant, State: control.StateWaiting, Codec: "PCMA"},
					{Call: "dora", Name: "Жанна", Number: "104", Since: at("11:30:00"), Role: control.RoleParticipant, State: control.StateIn, Held: true, Deaf: true, Codec: "PCMA"},
					{Call: "emil", Name: "Emil", Number: "104", Since: at("11:30:00"), Role: control.RoleParticipant, State: control.StateIn, Codec: "PCMA"},
					{Call: "link", Name: "", Number: "84957776675", Since: at("08:15:07"), Role: control.RoleLink, State: control.StateIn, Codec: "PCMA"},
				}},
		},
		links: linksSeen([]links.Status{
			{Room: "1000", Number: "84957776670", Trunk: "provider", State: links.Idle, Since: yesterday},
			{Room: "1001", Number: "84957776671", Trunk: "provider", Line: "board", State: links.WaitingForLine, Since: at("11:59:00")},
			{Room: "1002", Number: "84957776672", Trunk: "provider", State: links.Dialling, Since: at("11:59:58"), Attempts: 1},
			{Room: "1003", Number: "84957776673", Trunk: "provider", State: links.Ringing, Since: at("11:59:50"), Attempts: 1},
			{Room: "1004", Number: "84957776674", Trunk: "provider", State: links.SendingDigits, Since: at("11:59:57"), Attempts: 2, Connected: 1},
			{Room: "354233", Number: "84957776675", Trunk: "provider", State: links.Up, Since: at("08:15:07"), Cause: "busy", Call: "link", Attempts: 3, Connected: 2, Lost: 1},
			{Room: "1006", Number: "84957776676", Trunk: "provider", State: links.BackingOff, Since: at("11:59:40"), Until: at("12:00:10"), Cause: "no answer", Attempts: 4},
			{Room: "1007", Number: "84957776677", State: links.Met, Since: at("11:00:00")},
		}),
	}
}

func linksSeen(all []links.Status) (seen []control.Link) {
	for _, l := range all {
		seen = append(seen, linkSeen(l))
	}
	return seen
}

// TestCtlTables: what an operator sees.
func TestCtlTables(t *testing.T) {
	s, none := full(), &stage{status: control.Status{Version: "v1.2.3", PID: 7, Since: at("11:59:50"), Listeners: []string{"udp://0.0.0.0:5060"}}}
	unlined := s.links[5:6]
	for name, show := range map[string]func(b *bytes.Buffer) error{
		"status":       func(b *bytes.Buffer) error { return noon.status(b, s.status) },
		"status_idle":  func(b *bytes.Buffer) error { return noon.status(b, none.status) },
		"rooms":        func(b *bytes.Buffer) error { return noon.rooms(b, control.RoomList{Rooms: s.rooms}) },
		"rooms_none":   func(b *bytes.Buffer) error { return noon.rooms(b, control.RoomList{}) },
		"links":        func(b *bytes.Buffer) error { return noon.links(b, control.LinkList{Links: s.links}) },
		"links_simple": func(b *bytes.Buffer) error { return noon.links(b, control.LinkList{Links: unlined}) },
		"draining":     func(b *bytes.Buffer) error { return noon.draining(b, s.Drain(30*time.Minute)) },
		"links_none":   func(b *bytes.Buffer) error { return noon.links(b, control.LinkList{}) },
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := show(&b); err != nil {
				t.Fatal(err)
			}
			golden(t, "testdata/ctl/"+name+".txt", b.String())
		})
	}
}

// TestParticipantSeen: a link is one whatever else is said of it, and who is not in yet is not aside.
func TestParticipantSeen(t *testing.T) {
	for _, c := range []struct {
		shot        rooms.ParticipantSnapshot
		role, state string
	}{
		{rooms.ParticipantSnapshot{}, control.RoleParticipant, control.StateIn},
		{rooms.ParticipantSnapshot{Host: true, Aside: true}, control.RoleHost, control.StateAside},
		{rooms.ParticipantSnapshot{Link: true, Host: true}, control.RoleLink, control.StateIn},
		{rooms.ParticipantSnapshot{Waiting: true, Aside: true}, control.RoleParticipant, control.StateWaiting},
	} {
		if got := participantSeen(c.shot); got.Role != c.role || got.State != c.state {
			t.Errorf("%+v: got %s, %s; want %s, %s", c.shot, got.Role, got.State, c.role, c.state)
		}
	}
}

// TestParticipantSeenByHisFigures: those of his leg, as scripts read them.
func TestParticipantSeenByHisFigures(t *testing.T) {
	text, err := json.Marshal(participantSeen(rooms.ParticipantSnapshot{Stats: media.LegStats{
		Lost: 3, Jitter: 1750 * time.Microsecond, PeerLost: 4, RoundTrip: 18*time.Millisecond + 1234*time.Nanosecond,
	}}))
	if want := `"lost":3,"jitter_seconds":0.00175,"peer_lost":4,"rtt_seconds":0.018}`; err != nil || !strings.HasSuffix(string(text), want) {
		t.Errorf("got %s, %v; want it to end with %s", text, err, want)
	}
}

func TestLength(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 59900 * time.Millisecond: "59s", time.Minute: "1m", 3*time.Hour + 5*time.Minute: "3h05m", 291 * time.Hour: "12d03h",
	} {
		if got := length(d); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
}

// opened is a door to the stage, and the socket's path.
func (s *stage) opened(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "ctl.sock")
	door, err := control.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	door.Serve(s, "v1.2.3", slog.New(slog.DiscardHandler))
	t.Cleanup(door.Close)
	return path
}

// TestCtlTranscript: commands, and what they say; all that the operator has to do with the socket is the path.
func TestCtlTranscript(t *testing.T) {
	t.Setenv("SIPCONF_CONFIG", "")
	s := full()
	empty := &stage{}
	stages := map[string]string{"full": s.opened(t), "empty": empty.opened(t), "nobody": filepath.Join(t.TempDir(), "ctl.sock")}
	var b strings.Builder
	for _, line := range []string{
		"full kick 5234 101", "full kick 5234 dora", "full kick 5234 104", "full kick 5234 105", "full kick 5235 101", "full kick 354233 101",
		"full mute 5234 101", "full mute 5234 boris", "full mute 5234 dora", "full mute 5234 +4930123456789", "full mute 5234 emil",
		"full unmute 5234 101", "full unmute 5234 102", "full unmute 5234 dora", "full mute --json 5234 101",
		"full kick 5234", "full status extra", "full fly",
		"empty kick 5234 101", "empty rooms", "empty links", "empty links --json", "empty rooms --json",
		"full links --json", "full rooms --json", "full status --json",
		"nobody status", "nobody rooms --json",
		"empty upgrade", "empty upgrade --wait", "empty upgrade --wait --json", "full upgrade --wait", "full drain --within 30m", "full drain", "empty drain --within 0",
		"full drain --within -1s", "full drain --json --within 30m",
	} {
		words := strings.Fields(line)
		path := stages[words[0]]
		status, stdout, stderr := runCommand(nil, append([]string{"ctl", "--socket", path}, words[1:]...)...)
		stderr = strings.ReplaceAll(stderr, path, "SOCKET")
		fmt.Fprintf(&b, "(%s) $ sipconf ctl %s\n%s%sexit status %d\n\n", words[0], strings.Join(words[1:], " "), stdout, stderr, status)
	}
	golden(t, "testdata/ctl/transcript.txt", b.String())
}

// TestCtlFindsTheSocket: in the configuration, whatever else is wrong there; in the environment; and not where it cannot be read.
func TestCtlFindsTheSocket(t *testing.T) {
	t.Setenv("SIPCONF_CONFIG", "")
	for _, c := range []struct {
		config, environ string
		want, fails     string
	}{
		{"", "", usualSocket, ""},
		{"ctl: {socket: /x/ctl.sock}", "", "/x/ctl.sock", ""},
		{"ctl: {socket: /x/ctl.sock}\nsip: {lissen: []}\nrooms: {max_legs: many}", "", "/x/ctl.sock", ""},
		{"ctl: {socket: /x/ctl.sock}", "SIPCONF_CTL_SOCKET=/y/ctl.sock", "/y/ctl.sock", ""},
		{"ctl: {socket: \"\"}", "", "", "the server has none"},
		{"ctl: {socket: x}", "", "", "name it with --socket"},
		{"ctl: x", "", "", "name it with --socket"},
		{"ctl: {socket: /x/ctl.sock", "", "", "name it with --socket"},
	} {
		file := filepath.Join(t.TempDir(), "config.yaml")
		if err := os.WriteFile(file, []byte(c.config), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := (&ctlCmd{configFlag: configFlag{file}}).socket([]string{c.environ})
		if got != c.want || (err != nil) != (c.fails != "") || err != nil && !strings.Contains(err.Error(), c.fails) {
			t.Errorf("%q: got %q, %v; want %q, %q", c.config, got, err, c.want, c.fails)
		}
	}
	if got, err := (&ctlCmd{configFlag: configFlag{"none.yaml"}, Socket: "/z"}).socket(nil); got != "/z" || err != nil {
		t.Errorf("--socket: got %q, %v", got, err)
	}
	if _, err := (&ctlCmd{configFlag: configFlag{"none.yaml"}}).socket(nil); err == nil {
		t.Error("a file that is not there: got no error")
	}
}

// TestDoorAtTheUsualPlace: its folder is made; where that cannot be, the server runs without, and says so. It does not where the operator
// has asked for the socket, nor where another server has it.
func TestDoorAtTheUsualPlace(t *testing.T) {
	var b bytes.Buffer
	log := slog.New(slog.NewTextHandler(&b, nil))
	usual := filepath.Join(t.TempDir(), "sipconf", "ctl.sock")
	door, err := openDoor(usual, usual, nil, log)
	if err != nil || door.Path() != usual {
		t.Fatalf("got %v, %v", door.Path(), err)
	}
	defer door.Close()
	if _, err := openDoor(usual, usual, nil, log); err == nil || !strings.Contains(err.Error(), "ctl.socket: another server is running") {
		t.Errorf("a second one: got %v", err)
	}
	if b.Len() > 0 {
		t.Errorf("log: %s", &b)
	}
	far := filepath.Join(t.TempDir(), "run", "sipconf", "ctl.sock")
	if door, err := openDoor(far, far, nil, log); door != nil || err != nil || !strings.Contains(b.String(), "level=WARN") {
		t.Errorf("it cannot be there: got %v, %v, log %s", door, err, &b)
	}
	if _, err := openDoor(far, usual, nil, log); err == nil || !strings.Contains(err.Error(), "ctl.socket: the folder "+filepath.Dir(far)+" does not exist: make it") {
		t.Errorf("asked for: got %v", err)
	}
	if door, err := openDoor("", usual, nil, log); door != nil || err != nil {
		t.Errorf("none: got %v, %v", door, err)
	}
}
