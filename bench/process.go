package main

import (
	"os/exec"
	"runtime"
	"syscall"
)

// startTied starts a program that the kernel ends when we die without having ended it, where the system can do that.
// gone is closed when the program has ended.
//
// The kernel counts the death of the thread that started the program (prctl(2), PR_SET_PDEATHSIG), and Go ends threads at
// will; so one goroutine keeps that thread for as long as the program lives. It ends with the program.
func startTied(cmd *exec.Cmd, gone chan<- struct{}) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = new(syscall.SysProcAttr)
	}
	tie(cmd.SysProcAttr)
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in cmd.ProcessState
			close(gone)
		}
	}()
	return <-started
}
