// Command bench is the load generator of sipconf: many phones call in, each with a tone of its own, and every phone
// says what it heard. It starts a server on a loopback address (-server-binary), or calls one that runs (-server, with
// -pid if its CPU and memory are to be measured), and exits with status 1 when a limit is broken.
//
//	go run ./bench -legs 200 -rooms 20
//
// A run has five phases: call in at a bounded rate; settle; speak, each leg its tone, for -time; one after the other
// a short beep per room, to measure from mouth to ear; hang up. All is bounded in count and time, and the
// server that it started is ended by its process id.
//
//	go run ./bench -compare -ladder                 # or -legs 200 -rooms 20; with -quick in 2 minutes
//
// runs sipconf, two loops that only receive and send (bench/floor), and Asterisk's ConfBridge (asterisk/rig) alternately
// under the same loads, and writes bench/report.md with its plots. No limit is judged then; status 1 means that sipconf or a loop
// failed.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/pprof"
	"strings"
	"syscall"
	"time"

	"github.com/sipconf/sipconf/bench/floor"
)

// mostLegs is as many as there are ports for on the server, two each, with some to spare.
const mostLegs = 4000

// options is what the command line says.
type options struct {
	legs, rooms, talkers int
	rate, softer         float64
	time                 time.Duration
	bursts               int
	firstRoom            int
	prefix               string
	binary, server       string
	pid                  int
	phones, profile      string
	keep, json           bool
	compare, quick       bool
	ladder               bool
	rounds               int
	report, note         string
	limits               limits
	upgrades             int
	nextBinary           string
	patience             time.Duration
	save, upgraded       string
	without              string
	chapter              string
}

func parseOptions(args []string) (*options, error) {
	o := &options{}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.IntVar(&o.legs, "legs", 200, "callers in all")
	f.IntVar(&o.rooms, "rooms", 20, "rooms they are spread over")
	f.IntVar(&o.talkers, "talkers", 10, "callers in each room that speak at once; the others only listen")
	f.Float64Var(&o.softer, "softer", 0, "dB by which all speak softer than they are to be heard: levelling makes up for it")
	f.Float64Var(&o.rate, "rate", 50, "calls begun per second")
	f.DurationVar(&o.time, "time", 30*time.Second, "how long all speak")
	f.IntVar(&o.bursts, "bursts", 10, "beeps per room for the time from mouth to ear")
	f.IntVar(&o.firstRoom, "first-room", 5000, "number of the first room, four digits")
	f.StringVar(&o.prefix, "prefix", "", "what is dialled before the room's number, *1 for instance")
	f.StringVar(&o.binary, "server-binary", "", "start this sipconf; default: build ./cmd/sipconf of this module")
	f.StringVar(&o.server, "server", "", "call this address (host:port) instead of starting a server")
	f.IntVar(&o.pid, "pid", 0, "process id of -server, for its CPU and memory")
	f.StringVar(&o.phones, "phones", "127.0.0.1", "address of the phones")
	f.StringVar(&o.profile, "cpuprofile", "", "write a CPU profile of the generator itself to this file")
	f.BoolVar(&o.keep, "keep", false, "keep the configuration and the log of the server that was started")
	f.BoolVar(&o.json, "json", false, "print the report as JSON")
	f.IntVar(&o.upgrades, "upgrades", 0, "replace the server that was started so many times, while all speak")
	f.StringVar(&o.nextBinary, "upgrade-to", "", "with -upgrades: the sipconf that takes over, by turns with the first one; default: the same")
	f.DurationVar(&o.patience, "patience", 30*time.Second, "with -upgrades: how long each waits, if need be, until the generator and the machine have been on time for "+settleTime.String())
	f.StringVar(&o.chapter, "chapter", "", "with -upgrades: write what came of them to this file, with a plot in the folder plots beside it")
	f.StringVar(&o.save, "save", "", "write the report as JSON to this file as well")
	f.StringVar(&o.upgraded, "upgraded", "", "with -compare: the file that a run with -upgrades and -save has written, for its chapter of the report")
	f.BoolVar(&o.compare, "compare", false, "run sipconf, the bare loop and ConfBridge alternately and write a report")
	f.BoolVar(&o.ladder, "ladder", false, "with -compare: a ladder of 50 to 2,400 legs, and other shapes of rooms; -legs, -rooms and -talkers do not count")
	f.BoolVar(&o.quick, "quick", false, "with -compare: end in 2 minutes")
	f.IntVar(&o.rounds, "rounds", 3, "with -compare: runs of each, and half as many more of those that were disturbed; -quick may do fewer")
	f.StringVar(&o.without, "without", "", "with -compare: whom to leave out of "+strings.Join(optional, ","))
	f.StringVar(&o.report, "report", "bench/report.md", "with -compare: the file to write")
	f.StringVar(&o.note, "note", "", "with -compare: a sentence for the report, about the machine for instance")
	o.limits.flags(f)
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if o.compare {
		o.shorten(f)
	}
	switch {
	case o.rounds < 1 || o.rounds > 20:
		return nil, fmt.Errorf("%d rounds: 1 to 20", o.rounds)
	case o.compare && (o.server != "" || o.json || o.keep || o.save != ""):
		return nil, errors.New("-compare starts its servers itself: no -server, -json, -save or -keep")
	case (o.quick || o.ladder || o.upgraded != "" || o.without != "") && !o.compare:
		return nil, errors.New("-quick, -ladder, -upgraded and -without are for -compare")
	case !canDoWithout(o.without):
		return nil, fmt.Errorf("-without %s: it is one of %s, or several with commas between", o.without, strings.Join(optional, ", "))
	case o.legs < 1 || o.legs > mostLegs || o.rooms < 1 || o.rooms > o.legs || o.talkers < 0:
		return nil, fmt.Errorf("%d legs in %d rooms: 1 to %d legs, no empty room, and 0 or more who speak", o.legs, o.rooms, mostLegs)
	case o.firstRoom < 1000 || o.firstRoom+o.rooms > 10000:
		return nil, fmt.Errorf("rooms %d to %d have not four digits", o.firstRoom, o.firstRoom+o.rooms)
	case o.softer != 0 && (o.softer < 0 || o.softer > levellingReach || o.talkers > 10 || o.compare):
		return nil, fmt.Errorf("-softer %g: 0 to %g, with at most 10 talkers in a room, and not for -compare, in which nobody else levels", o.softer, levellingReach)
	case o.chapter != "" && o.upgrades == 0:
		return nil, errors.New("-chapter is about upgrades: say how many, with -upgrades")
	case o.upgrades < 0 || o.upgrades > mostUpgrades || o.upgrades > 0 && (o.server != "" || o.compare):
		return nil, fmt.Errorf("%d upgrades: up to %d, of a server that bench starts, and not for -compare", o.upgrades, mostUpgrades)
	case o.time < 5*time.Second || o.time > time.Hour || o.rate <= 0 || o.rate > 1000 || o.bursts < 0 || o.bursts > 1000:
		return nil, fmt.Errorf("time %s is 5s to 1h, rate %.0f up to 1000, bursts %d up to 1000", o.time, o.rate, o.bursts)
	}
	return o, nil
}

func main() { os.Exit(status(os.Args[1:])) }

// status runs the command: 0 all limits kept, 1 one broken or the run failed, 2 the command line is wrong.
func status(args []string) int {
	if len(args) > 0 && args[0] == "floor" {
		return runFloor(args[1:], floor.Open)
	}
	if len(args) > 0 && args[0] == "bare" {
		return runFloor(args[1:], floor.OpenBare)
	}
	o, err := parseOptions(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 2
	}
	defer profiled(o.profile)()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if o.compare {
		return compared(ctx, o)
	}
	report, err := run(ctx, o, startServer)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	if o.save != "" {
		if err := saveReport(o.save, report); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			return 1
		}
	}
	if o.chapter != "" {
		if err := report.writeChapter(o.chapter, args); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			return 1
		}
	}
	if o.json {
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", "  ")
		_ = enc.Encode(report)
	} else {
		report.print(os.Stdout)
	}
	if len(report.Broken) > 0 {
		return 1
	}
	return 0
}

// profiled begins a CPU profile of the generator; the function that it returns ends it.
func profiled(path string) (end func()) {
	if path == "" {
		return func() {}
	}
	f, err := os.Create(path)
	if err == nil {
		err = pprof.StartCPUProfile(f)
	}
	if err != nil {
		say("no profile: %v", err)
		return func() {}
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close()
	}
}

// say prints progress; the report alone goes to the standard output.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", args...)
}
