//go:build linux

package rig

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// process is one Asterisk in the chroot. stop ends it; done is closed when it has
// ended, and err says how.
type process struct {
	cmd  *exec.Cmd
	out  lockedBuffer
	done chan struct{}
	err  error // valid after done
}

// startProcess starts a program of the chroot root in a process group of its own.
//
// It also asks the kernel to end the program when we die without having ended it
// (`go test -timeout`, Ctrl-C, SIGKILL), for an Asterisk left behind would hold its
// address against the next run. PR_SET_PDEATHSIG counts the death of the *thread*
// that started the program, prctl(2); so one goroutine keeps that thread for as long
// as the program lives. It ends with the program.
func startProcess(root, program string, args ...string) (*process, error) {
	p := &process{cmd: inside(context.Background(), root, program, args...), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	p.cmd.SysProcAttr.Setpgid = true
	p.cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s in %s: %w", program, root, err)
	}
	return p, nil
}

// stop asks the process to end, which hangs up its calls, and kills its group when it
// has not done so in time. Idempotent.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(5 * time.Second):
		p.kill()
	}
}

// kill ends the process and its group at once, unless it has ended: its number may be another's by then.
func (p *process) kill() {
	select {
	case <-p.done:
	default:
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.done
	}
}

func (p *process) output() string { return p.out.String() }

// runInside runs a short command in the chroot and returns all that it prints.
func runInside(root, program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	out, err := inside(ctx, root, program, args...).CombinedOutput()
	return string(out), err
}

// inside is a command that will run with root as its root folder. Its environment is
// small and fixed, so that a test does not depend on who runs it.
func inside(ctx context.Context, root, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
	return cmd
}

// lockedBuffer takes what a running process prints while a test reads it.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
