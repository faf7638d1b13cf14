package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// TestE2EDemo is the demo as anybody runs it: three phones, a server, and its own check.
func TestE2EDemo(t *testing.T) {
	defer goleak.VerifyNone(t)
	var b, log bytes.Buffer
	wav := filepath.Join(t.TempDir(), "heard.wav")
	demo := demoCmd{Exit: true, WAV: wav}
	err := demo.run(t.Context(), newScreen(&b), slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn})))
	t.Logf("the demo said:\n%sand its log:\n%s", &b, &log)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"Anna speaks: good.", "Boris speaks: good.", "Clara speaks: good.", "All at once: good.",
		"What Anna heard is in " + wav, "The check is good"} {
		wantText(t, "the demo", b.String(), line)
	}
	if strings.Contains(b.String(), "\x1b") {
		t.Error("there are escape codes, although this is no terminal")
	}
	wantHeard(t, wav)
}

// wantHeard wants the others' voices in what Anna heard when all hummed, at the end, and not her own.
func wantHeard(t *testing.T, wav string) {
	t.Helper()
	sound := readWAV(t, wav)
	if got := duration(sound).Seconds(); got < 9 || got > 20 {
		t.Fatalf("the sound is %.1f s long, want about 11", got)
	}
	var said [][]int16
	for _, c := range callers {
		said = append(said, c.voice.hum(humLength))
	}
	end := sound[len(sound)-int((humLength+1)*sampleRate):]
	wantGood(t, true, judgeTogether("the file", callers, said, [][]int16{end, nil, nil})[0])
}

// readWAV reads a file as phone.WriteWAV writes it: 44 bytes of header, then the samples.
func readWAV(t *testing.T, file string) []int16 {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil || len(b) < 44 {
		t.Fatalf("%s has %d bytes, %v", file, len(b), err)
	}
	// channels, samples per second, bits per sample
	if got := [3]int{int(b[22]), int(binary.LittleEndian.Uint32(b[24:])), int(b[34])}; got != [3]int{1, sampleRate, 16} {
		t.Errorf("the format is %v, want one channel, 8000 samples per second, 16 bits", got)
	}
	sound := make([]int16, (len(b)-44)/2)
	for i := range sound {
		sound[i] = int16(binary.LittleEndian.Uint16(b[44+2*i:]))
	}
	return sound
}

// TestE2EDemoOfABadServer: what it would be if somebody heard his own voice.  Nobody does, so Boris is
// given Anna's: when all hum, each of the two hears his own pitch, from the other.
func TestE2EDemoOfABadServer(t *testing.T) {
	t.Parallel()
	own := callers[1].voice
	callers[1].voice = callers[0].voice
	t.Cleanup(func() { callers[1].voice = own })
	status, stdout, stderr := runCommand(nil, "demo", "--exit", "--wav", filepath.Join(t.TempDir(), "heard.wav"))
	if status != exitFault {
		t.Errorf("exit status: got %d, want %d; it said\n%s%s", status, exitFault, stdout, stderr)
	}
	for _, part := range []string{"Anna speaks: good.", "All at once: BAD.", "once more (2 of 3)", "once more (3 of 3)", "The check is BAD"} {
		wantText(t, "the demo", stdout, part)
	}
}

// TestBadScenesAreRepeated: only what stays bad counts.
func TestBadScenesAreRepeated(t *testing.T) {
	good, bad := verdict{"Anna speaks", []hearing{{"Anna", "Boris", -20, -20}}}, verdict{"Anna speaks", []hearing{{"Anna", "Boris", -20, -60}}}
	broken := errors.New("Boris was hung up")
	for _, c := range []struct {
		name   string
		played [][]verdict
		good   bool
		said   int // lines
	}{
		{"good", [][]verdict{{good, good}}, true, 2},
		{"bad once", [][]verdict{{good, bad}, {good, good}}, true, 5},
		{"bad twice", [][]verdict{{bad}, {bad}, {good}}, true, 5},
		{"bad", [][]verdict{{bad}, {bad}, {bad}}, false, 5},
		{"broken", [][]verdict{{bad}, nil}, false, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b bytes.Buffer
			played := 0
			heard, err := patiently(newScreen(&b), func() ([]verdict, error) {
				played++
				if c.played[played-1] == nil {
					return nil, broken
				}
				return c.played[played-1], nil
			})
			if heard != c.good || played != len(c.played) || (err != nil) != (c.name == "broken") {
				t.Errorf("good %t after %d scenes (%v), want %t after %d", heard, played, err, c.good, len(c.played))
			}
			if got := strings.Count(b.String(), "\n"); got != c.said {
				t.Errorf("it said %d lines, want %d:\n%s", got, c.said, &b)
			}
		})
	}
}

// TestE2EDemoStopped: Ctrl-C in the middle is no good check.
func TestE2EDemoStopped(t *testing.T) {
	defer goleak.VerifyNone(t)
	ctx, stop := context.WithCancel(t.Context())
	heard := stopper{when: "Boris (102) has joined.", stop: stop}
	err := (&demoCmd{WAV: filepath.Join(t.TempDir(), "heard.wav")}).run(ctx, newScreen(&heard), slog.New(slog.DiscardHandler))
	if err == nil || errors.Is(err, errSilent) {
		t.Errorf("got %v, want an error that says that it was stopped", err)
	}
}

// A stopper stops the demo when it says a certain thing.
type stopper struct {
	when string
	stop func()
}

func (s *stopper) Write(b []byte) (int, error) {
	if strings.Contains(string(b), s.when) {
		s.stop()
	}
	return len(b), nil
}

// TestFreePort: a port that another program has for UDP or for TCP is not taken.
func TestFreePort(t *testing.T) {
	datagrams, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer datagrams.Close()
	taken := datagrams.LocalAddr().(*net.UDPAddr).AddrPort().Port()
	port, err := freePort(taken)
	if err != nil || port == taken || port == 0 {
		t.Errorf("with UDP port %d taken: got %d, %v", taken, port, err)
	}
	streams, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer streams.Close()
	taken = streams.Addr().(*net.TCPAddr).AddrPort().Port()
	if port, err = freePort(taken); err != nil || port == taken {
		t.Errorf("with TCP port %d taken: got %d, %v", taken, port, err)
	}
	if err := tryPort(port); err != nil {
		t.Errorf("the free port %d is not free: %v", port, err)
	}
}
