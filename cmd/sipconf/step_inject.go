//go:build inject

package main

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sipconf/sipconf/media/handover"
)

func init() {
	if d, err := time.ParseDuration(os.Getenv("MISHAPS_TIME")); err == nil {
		upgradeTime = d
	}
}

// step has happen what the file says. Each step is one process' alone, the old one's or the new one's, and is known by its name.
func step(name string, line *handover.Line) error {
	text, _ := os.ReadFile(os.Getenv("MISHAPS"))
	for mishap := range strings.Lines(string(text)) {
		if at, what, _ := strings.Cut(strings.TrimSpace(mishap), ": "); at == name {
			if !strings.HasPrefix(what, "count") {
				os.WriteFile(os.Getenv("MISHAPS")+".happened", []byte(name), 0o644) // for whoever waits for it
			}
			return happen(what, line)
		}
	}
	return nil
}

func happen(what string, line *handover.Line) error {
	what, rest, _ := strings.Cut(what, " ")
	switch what {
	case "exit":
		os.Exit(9)
	case "kill":
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case "stop": // until somebody kills it, or has it go on
		syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		time.Sleep(100 * time.Millisecond) // this thread may be the last one to stop
	case "hang":
		select {}
	case "panic":
		panic(rest)
	case "fail":
		return errors.New(rest)
	case "wait":
		d, err := time.ParseDuration(rest)
		time.Sleep(d)
		return err
	case "say": // KIND, and what is no gob of anything
		return line.Send(rest, []byte("\x07rubbish"))
	case "version": // of the heritage that this process reads
		n, err := strconv.Atoi(rest)
		if err != nil {
			return err
		}
		var b bytes.Buffer
		if err := gob.NewEncoder(&b).Encode(n); err != nil {
			return err
		}
		return line.Send(kindReads, b.Bytes())
	case "media": // the version of the images of media that this process writes
		return line.Send("media version", []byte(rest))
	case "count": // the goroutines, for the test
		return os.WriteFile(rest, strconv.AppendInt(nil, int64(runtime.NumGoroutine()), 10), 0o644)
	case "files": // so many more may be open
		return allowMore(rest)
	default:
		return fmt.Errorf("MISHAPS: nobody knows what %q is", what)
	}
	return nil
}

// allowMore is the descriptor limit of a process that has some open.
func allowMore(files string) error {
	more, err := strconv.ParseUint(files, 10, 64)
	if err != nil {
		return err
	}
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: uint64(len(open)-1) + more, Max: uint64(len(open)-1) + more})
}
