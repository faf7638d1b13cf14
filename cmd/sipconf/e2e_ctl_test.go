package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sipconf/sipconf/bench/phone"
	"github.com/sipconf/sipconf/control"
)

// attended is a server with an operator, both processes of their own, and its phones.
type attended struct {
	*office
	*started
	binary, socket string
	port           int
}

func attend(t *testing.T) *attended {
	t.Helper()
	a := &attended{office: &office{T: t, pump: phone.NewPump()}, binary: program(t), socket: filepath.Join(t.TempDir(), "ctl.sock")}
	t.Cleanup(a.pump.Close)
	a.port = unusedPort(t)
	a.begins()
	return a
}

// begins starts the server.
func (a *attended) begins() {
	a.Helper()
	a.started = start(a.T, a.binary, a.settings(a.port))
	a.started.says(a.T, "serving")
}

func (a *attended) settings(port int) string {
	return fmt.Sprintf("sip: {listen: [\"udp://127.0.0.1:%d\"]}\nmedia: {ports: 41000-41199, level: false}\nrooms: {max_legs: 100, tones: false}\n"+
		"menus: {hosts: [\"101\"]}\nmetrics: {listen: \"\"}\nctl: {socket: %q}\n", port, a.socket)
}

// joins calls a room and says a tone.
func (a *attended) joins(name, number, room string, hz float64) *phone.Call {
	a.Helper()
	call, err := a.phone(phone.Config{Name: name, Number: number}).Call(a.soon(), fmt.Sprintf("sip:%s@127.0.0.1:%d", room, a.port))
	if err != nil {
		a.Fatal(err)
	}
	call.Speak(phone.Tone(hz, loud))
	return call
}

// ctl runs a command of the operator.
func (a *attended) ctl(args ...string) (status int, said string) {
	a.Helper()
	cmd := exec.Command(a.binary, append([]string{"ctl", "--config", a.config}, args...)...)
	return a.run(cmd)
}

func (a *attended) run(cmd *exec.Cmd) (status int, said string) {
	a.Helper()
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		a.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// told wants a command to end with a status, and to say something.
func (a *attended) told(status int, words string, args ...string) {
	a.Helper()
	if got, said := a.ctl(args...); got != status || !strings.Contains(said, words) {
		a.Errorf("ctl %s: exit status %d, want %d; it does not say %q:\n%s", strings.Join(args, " "), got, status, words, said)
	}
}

// shown is what a command answers in JSON.
func shown[T any](a *attended, command string) (answer T) {
	a.Helper()
	status, said := a.ctl(command, "--json")
	if err := json.Unmarshal([]byte(said), &answer); status != 0 || err != nil {
		a.Fatalf("ctl %s: exit status %d, %v:\n%s", command, status, err, said)
	}
	return answer
}

// wantRooms waits until the operator sees that: 5234: Anna host talks; Boris participant on hold.
func (a *attended) wantRooms(want ...string) {
	a.Helper()
	a.eventually(fmt.Sprintf("the operator sees %q", want), func() bool {
		var got []string
		for _, r := range shown[control.RoomList](a, "rooms").Rooms {
			var who []string
			for _, p := range r.Participants {
				who = append(who, strings.TrimSpace(p.Name+" "+p.Role+" "+stateOf(p)))
			}
			slices.Sort(who)
			got = append(got, r.Room+": "+strings.Join(who, "; "))
		}
		return slices.Equal(got, want)
	})
}

// The operator sees who is where; mutes Anna, and Boris hears her no more; lets her speak; hangs up Boris, who is told why.
func TestE2ECtl(t *testing.T) {
	t.Parallel()
	a := attend(t)
	a.told(exitGood, "There are no rooms", "rooms")
	a.told(exitGood, "No links are configured", "links")
	anna, boris := a.joins("Anna", "101", "5234", 400), a.joins("Boris", "102", "5234", 600)
	clara := a.joins("Clara", "103", "7777", 900)
	a.wantRooms("5234: Anna host talks; Boris participant talks", "7777: Clara participant talks")
	st := shown[control.Status](a, "status")
	if st.PID != a.Process.Pid || st.Rooms != 2 || st.Participants != 3 || st.Calls != 3 || st.Ending || st.Ticks == 0 || st.Uptime <= 0 ||
		!slices.Equal(st.Listeners, []string{fmt.Sprintf("udp://127.0.0.1:%d", a.port)}) {
		t.Errorf("status %+v", st)
	}
	a.told(exitGood, fmt.Sprint("PID ", a.Process.Pid), "status")
	a.told(exitGood, "Room 7777 since ", "rooms")

	a.hears("Boris", boris, []float64{400})
	a.told(exitGood, "Anna (101) in room 5234 is muted.", "mute", "5234", "101")
	a.hears("Boris", boris, nil, 400)
	a.wantRooms("5234: Anna host muted by a host; Boris participant talks", "7777: Clara participant talks")
	a.told(exitGood, "Anna (101) in room 5234 is muted already.", "mute", "5234", "101")
	a.told(exitGood, "Anna (101) in room 5234 may be heard.", "unmute", "5234", "101")
	a.hears("Boris", boris, []float64{400})

	if err := clara.Hold(a.soon(), phone.HoldInactive, false); err != nil {
		t.Fatal(err)
	}
	a.wantRooms("5234: Anna host talks; Boris participant talks", "7777: Clara participant on hold")

	a.told(exitFault, "there is no room 9999: there are 5234 and 7777", "kick", "9999", "102")
	a.told(exitFault, "nobody in room 7777 is 102: there is Clara (103)", "kick", "7777", "102")
	again := a.joins("Boris", "102", "5234", 1300)
	a.told(exitFault, "102 has 2 calls in room 5234: say which one: ", "kick", "5234", "102")
	again.Hangup(a.soon())
	a.wantRooms("5234: Anna host talks; Boris participant talks", "7777: Clara participant on hold")
	a.told(exitGood, "Boris (102) in room 5234 is hung up.", "kick", "5234", "102")
	select {
	case <-boris.Done():
	case <-a.soon().Done():
		t.Fatal("Boris is not hung up")
	}
	if reasons := strings.Join(boris.Ending().Reasons, " "); !strings.Contains(reasons, "removed by the operator") {
		t.Errorf("Reason: %s", reasons)
	}
	a.wantRooms("5234: Anna host talks", "7777: Clara participant on hold")
	a.says(t, "the operator hangs up a call")
	for _, call := range shown[control.RoomList](a, "rooms").Rooms[0].Participants {
		a.told(exitGood, "Anna (101) in room 5234 is hung up.", "kick", "5234", call.Call)
	}
	<-anna.Done()
	a.wantRooms("7777: Clara participant on hold")
}

// The socket is for its owner alone. A server that was killed leaves it, and the next one takes it; one that is alive does not lose it to
// another; when the server ends, it is gone, although somebody has hung on it.
func TestE2ECtlSocket(t *testing.T) {
	t.Parallel()
	a := attend(t)
	if info, err := os.Lstat(a.socket); err != nil || info.Mode() != fs.ModeSocket|0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	a.Process.Kill()
	a.ends(t, 5*time.Second)
	a.told(exitNobody, "is it running? The socket is there, so one was, and did not end well", "status")
	a.begins()
	a.told(exitGood, fmt.Sprint("PID ", a.Process.Pid), "status")

	other := start(t, a.binary, a.settings(unusedPort(t)))
	var exit *exec.ExitError
	if err := other.ends(t, 5*time.Second); !errors.As(err, &exit) || exit.ExitCode() != exitFault {
		t.Errorf("another server with the same socket: %v", err)
	}
	other.says(t, "ctl.socket: another server is running, and answers at "+a.socket)
	a.told(exitGood, fmt.Sprint("PID ", a.Process.Pid), "status")

	hung, err := net.Dial("unix", a.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer hung.Close()
	if _, err := hung.Write([]byte("POST /v1/kick HTTP/1.1\r\nHost: sipconf\r\nContent-Length: 9\r\n\r\n{")); err != nil {
		t.Fatal(err)
	}
	a.Process.Signal(syscall.SIGTERM)
	if err := a.ends(t, endTime); err != nil {
		t.Errorf("exit: %v", err)
	}
	if _, err := os.Lstat(a.socket); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket after the end: %v", err)
	}
	a.told(exitNobody, "no server has the socket "+a.socket+": is it running?", "status")
}

// The server is killed while Anna talks, and begins again: it knows of nothing. What her phone sends it of her old call is answered with 481, and she
// dials again.
func TestE2ECrash(t *testing.T) {
	t.Parallel()
	a := attend(t)
	anna := a.joins("Anna", "101", "5234", 400)
	a.wantRooms("5234: Anna host talks")
	a.told(exitGood, "is muted", "mute", "5234", "101")
	a.Process.Kill()
	a.ends(t, 5*time.Second)
	a.begins()
	a.told(exitGood, "There are no rooms", "rooms")
	if err := anna.Hold(a.soon(), phone.HoldInactive, false); phone.Status(err) != 481 {
		t.Errorf("she puts her old call on hold: %v", err)
	}
	a.joins("Anna", "101", "5234", 600)
	a.wantRooms("5234: Anna host talks")
}

// The operator sees the link when it is idle, when it is up, and who it is in the room; he hangs it up, and it is dialled again.
func TestE2ECtlLinks(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "ctl.sock")
	o, far := linked(t, func(cfg *Config) { cfg.Links[0].DTMF, cfg.Ctl.Socket = "", socket })
	said := func(words string, args ...string) {
		t.Helper()
		o.eventually(fmt.Sprintf("ctl %q says %q", args, words), func() bool {
			status, stdout, stderr := runCommand(nil, append([]string{"ctl", "--socket", socket}, args...)...)
			if status != exitGood {
				t.Fatalf("exit status %d: %s", status, stderr)
			}
			return strings.Contains(strings.Join(strings.Fields(stdout), " "), words)
		})
	}
	said("354233 "+farNumber+" pbx idle since", "links")
	o.joins(phone.Config{Name: "Anna", Number: "101"}, "354233", 400)
	first := far.answered(farNumber)
	said("354233 "+farNumber+" pbx up since", "links")
	said(`"links_up": 1`, "status", "--json")
	said(`"role": "link"`, "rooms", "--json")
	said(farNumber+" in room 354233 is muted.", "mute", "354233", farNumber)
	said(farNumber+" in room 354233 is hung up.", "kick", "354233", farNumber)
	<-first.Done()
	o.eventually("it is dialled again", func() bool { return len(far.calls()) == 2 })
	said(`"attempts": 2, "connected": 2, "lost": 1`, "links", "--json")
	said("354233 "+farNumber+" pbx up since", "links")
}

// Somebody else on the machine may not.
func TestE2ECtlIsNotForEverybody(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: " + t.Name() + ": to be somebody else needs root")
	}
	a := attend(t)
	for _, file := range []string{a.binary, a.socket} { // where they are he may look
		for _, folder := range []string{filepath.Dir(file), filepath.Dir(filepath.Dir(file))} {
			if err := os.Chmod(folder, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	cmd := exec.Command(a.binary, "ctl", "--socket", a.socket, "status")
	cmd.Dir, cmd.SysProcAttr = "/", &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if status, said := a.run(cmd); status != exitNobody || !strings.Contains(said, "no permission for "+a.socket) {
		t.Errorf("exit status %d:\n%s", status, said)
	}
}
