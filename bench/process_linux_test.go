package main

import (
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// TestTheServerOutlivesTheThreadThatAskedForIt: a goroutine that ends while it holds its thread takes the thread with it;
// the program that it started must not die of that. Twice, because the process's first thread never ends.
func TestTheServerOutlivesTheThreadThatAskedForIt(t *testing.T) {
	for range 2 {
		cmd, gone, started := exec.Command("sleep", "60"), make(chan struct{}), make(chan error)
		go func() {
			runtime.LockOSThread() // and never unlocked
			started <- startTied(cmd, gone)
		}()
		if err := <-started; err != nil {
			t.Fatal(err)
		}
		if cmd.SysProcAttr.Pdeathsig != syscall.SIGKILL {
			t.Error("it would go on running if we died")
		}
		select {
		case <-gone:
			t.Fatalf("it is gone: %v", cmd.ProcessState)
		case <-time.After(200 * time.Millisecond): // the kernel's signal would be there at once
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		<-gone
	}
}
