// Package sipp runs SIPp scenarios against a SIP server: a check by a tool that knows nothing of this project.
// The scenarios are the XML files beside this one; README.md says what each proves.
package sipp

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sipconf/sipconf/bench/phone"
)

//go:embed *.xml
var files embed.FS

// Scenarios are the names that Run takes.
func Scenarios() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // embedded: cannot be
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".xml"))
	}
	slices.Sort(names)
	return names
}

// ErrMissing says that SIPp is not installed (Debian: sip-tester).
var ErrMissing = errors.New("sipp is not installed")

// Options of a run. Zero values are the defaults.
type Options struct {
	Number    string        // what is dialled; default 5234
	Local     string        // SIPp's address; default 127.0.0.1
	Calls     int           // in all; default 1
	Rate      float64       // begun per second; default 10
	Limit     int           // at once; default: no other than Calls
	Transport string        // "udp" (default) or "tcp"
	Timeout   time.Duration // for the whole run; default 30 s and what Calls and Rate need
	Args      []string      // more arguments for sipp
}

// Result is what SIPp counted.
type Result struct {
	Created, Successful, Failed int
	Retransmissions             int
	Errors                      string // SIPp's error log: unexpected messages and the like
}

// Run runs a scenario against server (host:port). The error is nil when all calls were good; it carries SIPp's
// own words when not. SIPp is ended when ctx ends.
func Run(ctx context.Context, scenario, server string, o Options) (Result, error) {
	binary, err := exec.LookPath("sipp")
	if err != nil {
		return Result{}, ErrMissing
	}
	o.defaults()
	dir, err := os.MkdirTemp("", "sipp-")
	if err != nil {
		return Result{}, err
	}
	defer os.RemoveAll(dir)
	if err := prepare(dir, scenario); err != nil {
		return Result{}, err
	}
	// SIPp ends itself after the timeout; this is for a SIPp that does not.
	ctx, cancel := context.WithTimeout(ctx, o.Timeout+10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, o.arguments(server)...)
	cmd.Dir = dir
	cmd.WaitDelay = 2 * time.Second
	out, runErr := cmd.CombinedOutput()
	r, err := read(dir)
	switch {
	case ctx.Err() != nil:
		return r, fmt.Errorf("sipp %s: %w", scenario, context.Cause(ctx))
	case runErr != nil:
		return r, fmt.Errorf("sipp %s: %w: %d good and %d bad of %d calls\n%s%s", scenario, runErr, r.Successful, r.Failed, r.Created, r.Errors, last(out))
	case err != nil:
		return r, fmt.Errorf("sipp %s: %w", scenario, err)
	case r.Failed != 0 || r.Successful != o.Calls:
		return r, fmt.Errorf("sipp %s: %d good and %d bad of %d calls\n%s", scenario, r.Successful, r.Failed, o.Calls, r.Errors)
	}
	return r, nil
}

func (o *Options) defaults() {
	if o.Number == "" {
		o.Number = "5234"
	}
	if o.Local == "" {
		o.Local = "127.0.0.1"
	}
	if o.Calls == 0 {
		o.Calls = 1
	}
	if o.Rate == 0 {
		o.Rate = 10
	}
	if o.Limit == 0 {
		o.Limit = o.Calls
	}
	if o.Timeout == 0 {
		o.Timeout = 30*time.Second + time.Duration(float64(o.Calls)/o.Rate*float64(time.Second))
	}
}

// prepare lays out the folder in which SIPp runs: the scenario, and a second of tone as the sound that it plays.
func prepare(dir, scenario string) error {
	xml, err := files.ReadFile(scenario + ".xml")
	if err != nil {
		return fmt.Errorf("no scenario %q: there are %s", scenario, strings.Join(Scenarios(), ", "))
	}
	pcm := make([]int16, phone.Rate)
	phone.Tone(440, -20).Fill(pcm)
	if err := os.WriteFile(filepath.Join(dir, "tone.al"), phone.PCMA.Encode(pcm), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "scenario.xml"), xml, 0o600)
}

func (o *Options) arguments(server string) []string {
	transport := "u1"
	if o.Transport == "tcp" {
		transport = "t1"
	}
	return append([]string{server, "-sf", "scenario.xml", "-s", o.Number, "-i", bare(o.Local), "-mi", bare(o.Local), "-t", transport,
		"-m", strconv.Itoa(o.Calls), "-r", strconv.FormatFloat(o.Rate, 'f', -1, 64), "-l", strconv.Itoa(o.Limit),
		"-timeout", strconv.Itoa(int(o.Timeout.Seconds())) + "s", "-timeout_error", "-recv_timeout", "10000",
		"-nostdin", "-trace_err", "-error_file", "errors.log", "-trace_stat", "-stf", "stat.csv", "-fd", "1"}, o.Args...)
}

// bare takes the brackets off an IPv6 address.
func bare(addr string) string {
	if host, _, err := net.SplitHostPort(addr); err == nil {
		return host
	}
	return strings.Trim(addr, "[]")
}

// read takes SIPp's statistics: a file of semicolon-separated columns whose last line is the end of the run.
func read(dir string) (Result, error) {
	var r Result
	if b, err := os.ReadFile(filepath.Join(dir, "errors.log")); err == nil {
		r.Errors = last(b)
	}
	b, err := os.ReadFile(filepath.Join(dir, "stat.csv"))
	if err != nil {
		return r, fmt.Errorf("no statistics: %w", err)
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	names, values := strings.Split(lines[0], ";"), strings.Split(lines[len(lines)-1], ";")
	number := func(name string) int {
		if i := slices.Index(names, name); i >= 0 && i < len(values) {
			n, _ := strconv.Atoi(values[i])
			return n
		}
		return 0
	}
	r.Created, r.Successful, r.Failed = number("TotalCallCreated"), number("SuccessfulCall(C)"), number("FailedCall(C)")
	r.Retransmissions = number("Retransmissions(C)")
	return r, nil
}

// last is the end of an output, enough to see what went wrong.
func last(b []byte) string {
	const enough = 4000
	return strings.TrimSpace(string(b[max(0, len(b)-enough):]))
}
