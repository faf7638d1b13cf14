package main

import (
	"fmt"
	"net"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// notifier tells systemd how the server does (sd_notify(3)). The zero value tells nobody, as when the service is not of Type=notify.
type notifier struct {
	socket string // $NOTIFY_SOCKET
}

// What systemd is told.
const (
	isReady  = "READY=1"
	isEnding = "STOPPING=1"
)

// isMain says which process is the service from now on.
func isMain(pid int) string { return fmt.Sprintf("MAINPID=%d", pid) }

// isReloading says that a READY=1 is to come. systemd takes it from the clock that this is no older one (253 and later).
func isReloading() string {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return "RELOADING=1"
	}
	return fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", now.Nano()/1000)
}

// notifyTime is how long a message may wait for systemd, which the kernel keeps ten of: systemd itself never waits for us.
const notifyTime = time.Second

// tell sends all of it as one message.
func (n notifier) tell(words ...string) error {
	if n.socket == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.socket, Net: "unixgram"}) // a name that begins with @ is abstract
	if err != nil {
		return fmt.Errorf("tell systemd: %w", err)
	}
	defer conn.Close()
	conn.SetWriteDeadline(time.Now().Add(notifyTime))
	if _, err := conn.Write([]byte(strings.Join(words, "\n"))); err != nil {
		return fmt.Errorf("tell systemd: %w", err)
	}
	return nil
}
