package main

import (
	"fmt"
	"log/slog"
	"syscall"
)

// filesBesides is how many files are open at most besides those of the legs: 13 when nobody calls (listeners, log, the clocks and
// Go's poller), the 128 SIP connections that one address may hold, and some for strangers and for who asks for metrics.
const filesBesides = 192

// filesFor is how many files the server has open with so many legs: the sockets for RTP and RTCP of each, and the rest.
func filesFor(legs int) uint64 { return 2*uint64(legs) + filesBesides }

// mostLegs is how many legs a configuration can come to: media.ports may have room for fewer than rooms.max_legs.
func mostLegs(cfg *Config) int { return min(cfg.Rooms.MaxLegs, cfg.Media.Ports.Pairs()) }

// raiseFiles raises the limit of open files as far as this process may, and returns it; 0: it is not known.  Go has done nearly the
// same at the start of the process, but that is for Go to change: it leaves one file less (Go 1.26), and nothing where it was refused.
func raiseFiles() uint64 {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return 0
	}
	raised := syscall.Rlimit{Cur: files.Max, Max: files.Max}
	if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &raised) != nil {
		return files.Cur
	}
	return raised.Cur
}

// allowFiles raises the limit of open files and warns when it does not suffice for all the calls that the configuration allows.
// It is no reason not to start: most servers never have that many.
func allowFiles(cfg *Config, log *slog.Logger) {
	limit, legs := raiseFiles(), mostLegs(cfg)
	need := filesFor(legs)
	if limit == 0 || limit >= need {
		return
	}
	log.Warn(fmt.Sprintf("too few open files for all the calls that media.ports and rooms.max_legs allow, later ones will be refused: "+
		"write LimitNOFILE=%d into the [Service] section of the systemd unit, or run \"ulimit -n %d\" as root before the start", need, need),
		"calls", legs, "need", need, "limit", limit, "enough_for", callsIn(limit))
}

// callsIn is how many calls so many files are surely enough for.
func callsIn(files uint64) uint64 { return (max(files, filesBesides) - filesBesides) / 2 }
