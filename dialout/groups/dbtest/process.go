//go:build linux

package dbtest

import (
	"bytes"
	"fmt"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// process is one run of a server.  done is closed when it has ended.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
}

// startProcess starts a server.  The kernel ends it when we die without having done so (`go test -timeout`, Ctrl-C),
// which counts as the death of the thread that started it, prctl(2): so one goroutine keeps that thread for as long as
// the server lives.  It ends with the server.
func startProcess(cmd *exec.Cmd) (*process, error) {
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	p := &process{cmd, make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	return p, nil
}

// kill ends the process without a word.  Idempotent.
func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.done
}

// stop ends the process and what it has started, in no order, but has it look after that itself: each child of
// PostgreSQL is a session of its own, so that no signal of ours would reach all of them.  Idempotent.
func (p *process) stop() {
	for _, signal := range []syscall.Signal{syscall.SIGQUIT, syscall.SIGCONT} { // it may stand still
		p.cmd.Process.Signal(signal)
	}
	select {
	case <-p.done:
	case <-time.After(5 * time.Second):
		p.kill()
	}
}

// lockedBuffer takes what a server prints while a test reads it.
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
