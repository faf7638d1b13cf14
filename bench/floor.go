package main

import (
	"bufio"
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/sipconf/sipconf/bench/floor"
)

// floorReady is the line that a floor prints when its sockets are bound.
const floorReady = "ready"

// runFloor is the command `bench floor HOST LEGS`, or `bench bare HOST LEGS`, which startFloor and startBare start as a process of its own, so that its CPU is
// measured as the server's is. It ends on SIGTERM, and in any case after two hours.
func runFloor(args []string, open func([]netip.AddrPort) (*floor.Floor, error)) int {
	if len(args) != 2 {
		fmt.Fprintln(os.Stderr, "bench: usage: bench floor HOST LEGS, or bench bare HOST LEGS")
		return 2
	}
	host, err := netip.ParseAddr(args[0])
	legs, err2 := strconv.Atoi(args[1])
	if err != nil || err2 != nil || !host.IsLoopback() || legs < 1 || legs > mostLegs {
		fmt.Fprintf(os.Stderr, "bench: floor: %q is a loopback address and %q 1 to %d legs?\n", args[0], args[1], mostLegs)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Hour)
	defer cancel()
	if err := serveFloor(ctx, floor.Addrs(host, legs), open); err != nil {
		fmt.Fprintln(os.Stderr, "bench: floor:", err)
		return 1
	}
	return 0
}

func serveFloor(ctx context.Context, addrs []netip.AddrPort, open func([]netip.AddrPort) (*floor.Floor, error)) error {
	f, err := open(addrs)
	if err != nil {
		return err
	}
	defer f.Close()
	fmt.Println(floorReady)
	return f.Run(ctx)
}

// startFloor runs this very program as a floor, with a socket for each leg.
func startFloor(_ context.Context, o *options) (*server, error) { return startLoop("floor", o) }

// startBare runs it as the bare loop.
func startBare(_ context.Context, o *options) (*server, error) { return startLoop("bare", o) }

func startLoop(which string, o *options) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	host := ownHost()
	s := &server{addr: host, plain: floor.Addrs(netip.MustParseAddr(host), o.legs), ready: true, gone: make(chan struct{})}
	if err := s.startLoop(self, which, host, o.legs); err != nil {
		s.stop()
		return nil, fmt.Errorf("starting the loop %s: %w", which, err)
	}
	return s, nil
}

func (s *server) startLoop(self, which, host string, legs int) error {
	cmd := exec.Command(self, which, host, strconv.Itoa(legs))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := startTied(cmd, s.gone); err != nil {
		return err
	}
	s.cmd, s.pid = cmd, cmd.Process.Pid
	line, err := bufio.NewReader(out).ReadString('\n') // or the end of the process
	if err != nil || line != floorReady+"\n" {
		return fmt.Errorf("it said %q: %w", line, err)
	}
	return nil
}
