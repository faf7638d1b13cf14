//go:build linux

package main

import (
	"cmp"
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sipconf/sipconf/bench/phone"
	"github.com/sipconf/sipconf/prompts/sound"
)

// Tests of upgrades that fail, in each way and at each step: the callers hear nothing of it, and the next one succeeds.

// What programs that are built with -tags inject know.
const (
	mishapsVar    = "MISHAPS"      // names a file: what happens at which step, a line like "hears silence: kill" each
	mishapTimeVar = "MISHAPS_TIME" // stands for upgradeTime
)

// mishapTime stands for upgradeTime.
const mishapTime = 3 * time.Second

// jinxed is a server whose upgrades fail as it is told, and people who talk meanwhile.
type jinxed struct {
	*succeeded
	program       string // for ctl, whatever is in its place
	text          string // the configuration
	folder        string // of the recordings, and of the file that says what happens
	talkers       []*talker
	first         int           // the process
	most          time.Duration // how long nobody may have got a packet; zero: longestGap
	before, after func()        // of each upgrade
	stalls        *stalls
	stalled       time.Duration // as far as that does not count
}

// longestGap is how long a phone may get nothing, on a machine that does other things too, but for the time that the machine stands still.
const longestGap = 400 * time.Millisecond

// talker is somebody in room 5234 with a tone of his own.
type talker struct {
	name, number, transport string
	hz                      float64
	call                    *phone.Call
}

// jinx starts a program that was built with -tags inject. Anna and Boris, and Clara by TCP, talk in a room that is recorded.
func jinx(t *testing.T, program string) *jinxed {
	t.Helper()
	j := &jinxed{succeeded: newSucceeded(t), program: program, folder: t.TempDir(), stalls: watchStalls(t)}
	j.happens("")
	j.versions["1.0.1"] = program
	j.install("1.0.1")
	j.text = fmt.Sprintf("sip: {listen: [\"udp://127.0.0.1:%d\", \"tcp://127.0.0.1:%d\"]}\nmedia: {ports: 41000-41199, level: false}\n"+
		"rooms: {max_legs: 100, tones: false}\nmenus: {hosts: [\"101\"], pause: 30s}\nmetrics: {listen: \"\"}\nctl: {socket: %q}\n"+
		"recordings: {folder: %q}\n",
		j.port, j.port, j.socket, j.folder)
	j.begins(j.text, mishapsVar+"="+filepath.Join(j.folder, "mishaps"), mishapTimeVar+"="+mishapTime.String())
	j.first = j.Process.Pid
	j.talkers = []*talker{{"Anna", "101", "udp", 400, nil}, {"Boris", "102", "udp", 600, nil}, {"Clara", "103", "tcp", 900, nil}}
	for _, w := range j.talkers {
		j.comes(w)
	}
	j.hearEachOther()
	return j
}

// comes has somebody call the room and say his tone.
func (j *jinxed) comes(w *talker) *talker {
	j.Helper()
	uri := fmt.Sprintf("sip:5234@127.0.0.1:%d", j.port)
	if w.transport == "tcp" {
		uri += ";transport=tcp"
	}
	call, err := j.phone(phone.Config{Name: w.name, Number: w.number, Transport: w.transport}).Call(j.soon(), uri)
	if err != nil {
		j.Fatalf("%s calls: %v", w.name, err)
	}
	w.call = call
	call.Speak(phone.Tone(w.hz, loud))
	return w
}

// hearEachOther wants each of the talkers to hear all others and not himself.
func (j *jinxed) hearEachOther() {
	j.Helper()
	for _, w := range j.talkers {
		var others []float64
		for _, other := range j.talkers {
			if other != w {
				others = append(others, other.hz)
			}
		}
		j.hears(w.name, w.call, others, w.hz)
	}
}

// happens says what happens at the next upgrade: a line "STEP: WHAT" each.
func (j *jinxed) happens(mishaps string) {
	j.Helper()
	mishaps += "\ntells specimen: count " + filepath.Join(j.folder, "goroutines") + "\n"
	if err := os.WriteFile(filepath.Join(j.folder, "mishaps"), []byte(mishaps), 0o644); err != nil {
		j.Fatal(err)
	}
}

// has waits until a step has come at which something happens.
func (j *jinxed) has(step string) {
	j.Helper()
	j.eventually(step, func() bool {
		text, _ := os.ReadFile(filepath.Join(j.folder, "mishaps.happened"))
		return string(text) == step
	})
}

// goroutines is how many the old process had in the last attempt that came so far.
func (j *jinxed) goroutines() (n int) {
	j.Helper()
	text, err := os.ReadFile(filepath.Join(j.folder, "goroutines"))
	if err == nil {
		n, err = strconv.Atoi(string(text))
	}
	if err != nil {
		j.Fatal(err)
	}
	return n
}

// fails wants an upgrade to fail, for a reason of which the words are a part, and everything to go on.
func (j *jinxed) fails(mishaps string, words ...string) {
	j.Helper()
	j.happens(mishaps)
	j.failsNow(mishaps, words...)
}

// failsNow is fails, with what was prepared.
func (j *jinxed) failsNow(what string, words ...string) {
	j.Helper()
	dora := j.comes(&talker{"Dora", "104", "udp", 1300, nil})
	j.hears("Anna", j.talkers[0].call, []float64{1300})
	j.resetHeard()
	j.presses(dora.call, "*")
	if j.before != nil {
		j.before()
	}
	began := time.Now()
	status, said := j.run(exec.Command(j.program, "ctl", "--socket", j.socket, "upgrade", "--wait"))
	took := time.Since(began)
	if j.after != nil {
		j.after()
	}
	if status != exitFault {
		j.Fatalf("%s: the upgrade: exit status %d, want %d:\n%s", what, status, exitFault, said)
	}
	for _, word := range words {
		if !strings.Contains(said, word) {
			j.Errorf("%s: it does not say %q:\n%s", what, word, said)
		}
	}
	j.happens("")
	gap := j.goesOn(what, dora)
	j.Logf("%-32s %5d ms, longest gap %3d ms: %s", what, took.Milliseconds(), gap.Milliseconds(), strings.TrimSpace(said))
}

// resetHeard begins to count anew what happens to those who talk.
func (j *jinxed) resetHeard() {
	for _, w := range j.talkers {
		w.call.ResetHeard()
	}
	j.stalled = j.stalls.soFar()
}

// goesOn wants the first process to be the only one, and all to be as before for those who talk: they have lost nothing, and hear each other. What Dora has begun
// to press works, and she hangs up; and another one comes.
func (j *jinxed) goesOn(what string, dora *talker) (gap time.Duration) {
	j.Helper()
	if pid, all := j.pid(), descendants(j.first); pid != j.first || len(all) > 0 {
		j.Errorf("%s: the PID file says %d, and the first process is %d; others that are there: %v", what, pid, j.first, all)
	}
	j.isNice(what, j.first)
	j.presses(dora.call, "2")
	j.hears("Anna", j.talkers[0].call, []float64{600, 900}, 400, 1300)
	if err := dora.call.Hangup(j.soon()); err != nil {
		j.Errorf("%s: Dora's BYE: %v", what, err)
	}
	emil := j.comes(&talker{"Emil", "105", "udp", 1700, nil})
	j.hears("Boris", j.talkers[1].call, []float64{1700})
	if err := emil.call.Hangup(j.soon()); err != nil {
		j.Errorf("%s: Emil's BYE: %v", what, err)
	}
	j.hearEachOther()
	for _, w := range j.talkers {
		j.whole(what+": "+w.name, w.call)
		gap = max(gap, w.call.Heard().Gaps.Max)
	}
	if most, stalled := cmp.Or(j.most, longestGap), j.stalls.soFar()-j.stalled; gap > most+stalled {
		j.Errorf("%s: somebody has got nothing for %v, want %v at most, and the %v for which the machine has stood still", what, gap, most, stalled)
	}
	return gap
}

// descendants are the processes that one has started, dead ones included of which nobody has taken the exit status.
func descendants(of int) (all []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		text, _ := os.ReadFile(name)
		_, after, _ := strings.Cut(string(text), ") ")
		if fields := strings.Fields(after); len(fields) > 1 && fields[1] == strconv.Itoa(of) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
			all = append(all, pid)
		}
	}
	return all
}

// isNice wants all threads of a process to have the server's nice value again.
func (j *jinxed) isNice(what string, pid int) {
	j.Helper()
	if os.Geteuid() != 0 {
		return
	}
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if len(threads) < 3 {
		j.Errorf("%s: the process has %d threads", what, len(threads))
	}
	for _, thread := range threads {
		if got := niceIn(j.T, thread); got != "" && got != "-10" {
			j.Errorf("%s: %s: the nice value is %s", what, thread, got)
		}
	}
}

// succeedsNow wants the next upgrade to succeed, and all to be well then.
func (j *jinxed) succeedsNow() {
	j.Helper()
	j.resetHeard()
	j.upgrades("1.0.1")
	j.first = j.pid()
	dora := j.comes(&talker{"Dora", "104", "udp", 1300, nil})
	j.presses(dora.call, "*")
	j.Logf("a good one: longest gap %d ms", j.goesOn("a good one", dora).Milliseconds())
}

// TestE2EUpgradeFails: whatever happens to the new process, or keeps the old one from handing over, at whichever step, nobody who talks hears anything of it,
// and whoever has asked for the upgrade learns why it has failed.
func TestE2EUpgradeFails(t *testing.T) {
	t.Parallel()
	program := programOf(t, "1.0.1", "-tags", "inject")
	for name, test := range map[string]func(*jinxed){
		"at the new process": failsAtTheNew, "at the old process": failsAtTheOld, "without program": failsWithoutProgram,
		"with another configuration": failsWithOtherConfigurations, "without files": failsWithoutFiles, "while all stands still": failsWhileAllStandsStill,
		"because the server ends": endsMeanwhile, "because the server is killed": isKilledMeanwhile,
	} {
		t.Run(name, func(t *testing.T) { test(jinx(t, program)) })
	}
}

const (
	died   = "the new process has ended before it has taken over, the log has its words: child pid="
	killed = "signal: killed"
)

// failsAtTheNew: at no step is it too late, and nothing is left of 26 attempts.
func failsAtTheNew(j *jinxed) {
	tape := j.records()
	j.fails("hears specimen: exit", died, "exit status 9")
	files, routines := j.files(), j.goroutines()
	for _, mishap := range []struct{ what, words string }{
		{"greets: kill", killed},
		{"is prepared: kill", killed},
		{"is prepared: fail it has no wish to", "goes on: it has no wish to"},
		{"is prepared: files 5", "LimitNOFILE"},
		{"tells reads: kill", killed},
		{"tells reads: say gossip", `goes on: "gossip" came, where "reads" should`},
		{"tells reads: say reads", "gob"},
		{"tells reads: version 2", "reads calls that are written down in version 2, and this one writes version 1"},
		{"hears specimen: kill", killed},
		{"hears specimen: fail it cannot read that", "goes on: it cannot read that"},
		{"has sockets: kill", killed},
		{"has sockets: stop", "goes on: the new process has not taken over within 3s"},
		{"tells stop: kill", killed},
		{"tells stop: say gossip", `goes on: "gossip" came, where "stop" should`},
		{"hears affairs: kill", killed},
		{"hears affairs: panic oh", "exit status 2"},
		{"hears affairs: stop", "goes on: the new process has not read within 2s what it was sent"},
		{"tells silence: kill", killed},
		{"tells silence: say gossip", `goes on: "gossip" came, where "silence" should`},
		{"has legs: kill", killed},
		{"has legs: fail it has lost one", "goes on: it has lost one"},
		{"hears rooms: kill", killed},
		{"hears rooms: fail it knows no such room", "it knows no such room"},
		{"hears office: kill", killed},
		{"hears office: fail it knows nobody", "it knows nobody"},
		{"is furnished: kill", killed},
		{"is furnished: panic oh", "exit status 2"},
		{"is furnished: fail too late", "goes on: too late"},
	} {
		j.fails(mishap.what, mishap.words)
	}
	j.eventually(fmt.Sprintf("not more than %d files are open", files), func() bool { return j.files() <= files })
	if now := j.goroutines(); now > routines {
		j.Errorf("%d goroutines at the last attempt, %d at the first", now, routines)
	}
	j.succeedsNow()
	tape.isWhole()
}

// failsAtTheOld: what it cannot stop, write down or send.
func failsAtTheOld(j *jinxed) {
	for _, mishap := range []struct{ what, words string }{
		{"pauses the operator's commands: fail it will not rest", "goes on: the operator's commands: it will not rest"},
		{"pauses the signalling: fail it will not rest", "goes on: the signalling: it will not rest"},
		{"pauses the recordings: fail it will not rest", "goes on: the recordings: it will not rest"},
		{"pauses the attendants: panic oh", "goes on: the attendants: panic: oh"},
		{"tells specimen: fail it is too much", "goes on: it is too much"},
		{"sends sockets: media 9", "goes on: take the media over: the other process writes calls down in version 9, and this program reads version 1"},
		{"tells affairs: fail it is too much", "goes on: it is too much"},
		{"tells affairs: panic oh", "goes on: panic: oh"},
		{"pauses the media: fail they will not rest", "goes on: they will not rest"},
		{"pauses the media: panic oh", "goes on: panic: oh"},
		{"tells rooms: fail it is too much", "goes on: it is too much"},
		{"tells office: fail it is too much", "goes on: it is too much"},
		{"sends legs: fail it is too much", "goes on: it is too much"},
		{"sends legs: panic oh", "goes on: panic: oh"},
		{"sends legs: say gossip", "came, where"},
	} {
		j.fails(mishap.what, mishap.words)
	}
	j.most = longestGap + stillTime
	j.fails("is furnished: stop", "goes on: the new process has got everything, and is not ready 1s later")
	j.most += stillTime
	j.fails("tells office: hang", "goes on: it takes too long")
	j.most = 0
	j.succeedsNow()
}

// failsWithoutProgram: what is there now is none, or none that takes over.
func failsWithoutProgram(j *jinxed) {
	for name, program := range map[string]struct{ text, words string }{
		"none at all":        {"", "no such file or directory"},
		"half of one":        {"\x7fELF half a program", "exec format error"},
		"one that ends":      {"#!/bin/sh\necho it is Tuesday >&2\nexit 7\n", "exit status 7"},
		"another one":        {"#!/bin/sh\nexec sleep 20\n", "goes on: the new process has not taken over within 3s"},
		"one that is killed": {"#!/bin/sh\nkill -9 $$\n", killed},
	} {
		os.Remove(j.binary)
		if program.text != "" {
			if err := os.WriteFile(j.binary, []byte(program.text), 0o755); err != nil {
				j.Fatal(err)
			}
		}
		j.failsNow(name, program.words)
	}
	j.install("1.0.1")
	j.succeedsNow()
}

// failsWithOtherConfigurations: its faults are told, and those that are found out only while it is used.
func failsWithOtherConfigurations(j *jinxed) {
	good, err := os.ReadFile(j.config)
	if err != nil {
		j.Fatal(err)
	}
	change := func(from, to string) {
		if !strings.Contains(string(good), from) {
			j.Fatalf("the configuration has no %s", from)
		}
		if err := os.WriteFile(j.config, []byte(strings.Replace(string(good), from, to, 1)), 0o644); err != nil {
			j.Fatal(err)
		}
	}
	taken, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		j.Fatal(err)
	}
	defer taken.Close()
	for _, c := range []struct{ from, to, words string }{
		{"level: false", "levle: false", "config.yaml:2:29: media.levle: unknown key"},
		{"pause: 30s", "pause: thirty", "config.yaml:4:"},
		{"sip: {listen: [", fmt.Sprintf("sip: {listen: [\"udp://%s\", ", taken.LocalAddr()), "the port is in use"},
		{"recordings: {", "prompts: {folder: \"/none/at/all\"}\nrecordings: {", "/none/at/all"},
		{fmt.Sprintf(", \"tcp://127.0.0.1:%d\"", j.port), "", fmt.Sprintf("tcp://127.0.0.1:%d", j.port)},
	} {
		change(c.from, c.to)
		j.failsNow(c.to, c.words)
	}
	change("level: false", "level: false")
	j.succeedsNow()
}

// failsWithoutFiles: whichever descriptor is the one too many. With less room than for the command's own connection, the command itself is not heard.
func failsWithoutFiles(j *jinxed) {
	var usual unix.Rlimit
	if err := unix.Prlimit(j.first, unix.RLIMIT_NOFILE, nil, &usual); err != nil {
		j.Fatal(err)
	}
	for more := 1; more <= 6; more++ {
		j.before = func() {
			unix.Prlimit(j.first, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(j.files() + 2*more), Max: usual.Max}, nil)
		}
		j.after = func() { unix.Prlimit(j.first, unix.RLIMIT_NOFILE, &usual, nil) }
		j.failsNow(fmt.Sprintf("room for %d files", 2*more), "LimitNOFILE")
	}
	j.before, j.after = nil, nil
	j.succeedsNow()
}

// failsWhileAllStandsStill: what is sent to the server meanwhile waits for its end. Dora calls, Emil hangs up, and Boris mutes himself; first by SIP alone, for
// people still hear each other then, then all at the moment at which they do not.
func failsWhileAllStandsStill(j *jinxed) {
	for _, step := range []string{"hears affairs", "is furnished"} {
		emil := j.comes(&talker{"Emil", "105", "udp", 1700, nil})
		j.hears("Anna", j.talkers[0].call, []float64{600, 900, 1700})
		for _, w := range j.talkers {
			w.call.ResetHeard()
		}
		j.happens(step + ": stop")
		said := make(chan string, 1)
		go func() { _, words := j.ctl("upgrade", "--wait"); said <- words }()
		j.has(step)
		began := time.Now()
		gone := make(chan error, 1)
		go func() { gone <- emil.call.Hangup(j.soon()) }()
		if err := j.talkers[1].call.SendDTMF(j.soon(), "*2"); err != nil {
			j.Fatal(err)
		}
		dora := j.comes(&talker{"Dora", "104", "udp", 1300, nil})
		j.Logf("%s: Dora is in after %d ms; %s", step, time.Since(began).Milliseconds(), strings.TrimSpace(<-said))
		if err := <-gone; err != nil {
			j.Errorf("%s: Emil's BYE: %v", step, err)
		}
		j.hears("Anna", j.talkers[0].call, []float64{900, 1300}, 600, 1700)
		j.presses(j.talkers[1].call, "*2")
		if err := dora.call.Hangup(j.soon()); err != nil {
			j.Errorf("%s: Dora's BYE: %v", step, err)
		}
		j.hearEachOther()
		for _, w := range j.talkers {
			j.whole(step+": "+w.name, w.call)
		}
		os.Remove(filepath.Join(j.folder, "mishaps.happened"))
	}
	j.happens("")
	j.succeedsNow()
}

// endsMeanwhile: whoever ends the server need not wait for an upgrade. Everybody is told goodbye, and no process is left.
func endsMeanwhile(j *jinxed) {
	j.happens("has sockets: stop")
	said := make(chan string, 1)
	go func() { _, words := j.ctl("upgrade", "--wait"); said <- words }()
	j.has("has sockets")
	next := descendants(j.first)
	if len(next) != 1 {
		j.Fatalf("new processes: %v", next)
	}
	j.Process.Signal(syscall.SIGTERM)
	if err := j.ends(j.T, endTime); err != nil {
		j.Errorf("exit: %v", err)
	}
	for _, w := range j.talkers {
		select {
		case <-w.call.Done():
		case <-time.After(5 * time.Second):
			j.Errorf("%s gets no BYE", w.name)
		}
	}
	if words := <-said; !strings.Contains(words, "the server is ending") {
		j.Errorf("who has asked for the upgrade is told %q", words)
	}
	if state := stateOfProcess(next[0]); state != "" {
		j.Errorf("the new process is still there: %s", state)
	}
}

// isKilledMeanwhile: the new process has not got everything, and is no server without the old one.
func isKilledMeanwhile(j *jinxed) {
	j.happens("hears affairs: wait 500ms")
	go j.ctl("upgrade", "--wait")
	j.has("hears affairs")
	next := descendants(j.first)
	if len(next) != 1 {
		j.Fatalf("new processes: %v", next)
	}
	j.Process.Kill()
	if err := j.ends(j.T, 5*time.Second); err == nil {
		j.Error("it has ended well")
	}
	j.eventually("the new process has ended too", func() bool { return stateOfProcess(next[0]) == "" || stateOfProcess(next[0]) == "Z" })
	j.begins(j.text)
	j.comes(&talker{"Dora", "104", "udp", 1300, nil})
}

// stateOfProcess is T for one that stands still, Z for one of whose end nobody has heard, and empty if there is none.
func stateOfProcess(pid int) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, after, _ := strings.Cut(string(text), ") ")
	state, _, _ := strings.Cut(after, " ")
	return state
}

// tape is the recording of the room.
type tape struct {
	*jinxed
	file    string
	began   time.Time
	stalled time.Duration // before
}

// records has Anna begin it.
func (j *jinxed) records() *tape {
	j.Helper()
	j.presses(j.talkers[0].call, "**4")
	c := &tape{jinxed: j}
	j.eventually("there is a recording", func() bool {
		files, _ := filepath.Glob(j.folder + "/*.wav")
		if len(files) == 1 {
			c.file = files[0]
		}
		return len(files) == 1
	})
	c.began, c.stalled = time.Now(), j.stalls.soFar()
	return c
}

// isWhole ends it, and wants it to be as long as it has taken, with Anna's tone all the time, but for the time for which the machine has stood still.
func (c *tape) isWhole() {
	c.Helper()
	c.presses(c.talkers[0].call, "**4")
	length, stalled := time.Since(c.began), c.stalls.soFar()-c.stalled
	c.says(c.T, "recording has ended")
	b, err := os.ReadFile(c.file)
	if err != nil {
		c.Fatal(err)
	}
	heard, err := sound.Parse(b)
	if err != nil {
		c.Fatal(err)
	}
	if got := time.Duration(len(heard.Samples)) * time.Second / 8000; got > length+time.Second || got < length-stalled-time.Second {
		c.Errorf("on tape are %v of %v, of which the machine has stood still for %v", got, length, stalled)
	}
	const block = 800
	blocks, without := 0, 0
	for at := 8000; at+8000 <= len(heard.Samples); at += block { // her keys are not heard
		blocks++
		if level := levelOf(heard.Samples[at:at+block], 400*block/8000); math.Abs(level-loud) > 6 {
			without++
		}
	}
	if without > blocks/20+int(stalled*8000/time.Second)/block { // on a machine that does other things too it is she who stops now and then
		c.Errorf("in %d of %d tenths of a second Anna's tone is not on tape", without, blocks)
	}
	if log := c.started.log.String(); strings.Count(log, "recording has ended") != 1 {
		c.Error("the recording has ended more than once")
	}
}

// files is how many descriptors the process has open.
func (j *jinxed) files() int {
	j.Helper()
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", j.first))
	if err != nil {
		j.Fatal(err)
	}
	return len(open)
}
