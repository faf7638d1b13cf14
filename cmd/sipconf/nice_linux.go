package main

import (
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// mayHave says whether a thread that has made way for others could have that nice value again. Capabilities do not tell, in a container at least; so one tries.
func mayHave(value int) bool {
	may := make(chan bool)
	go func() {
		runtime.LockOSThread() // for good: if there is no way back, the thread ends with the goroutine
		if unix.Gettid() == unix.Getpid() {
			defer runtime.UnlockOSThread() // the first one does not end
			may <- mayHave(value)          // on another one, for this one is taken
			return
		}
		err := syscall.Setpriority(syscall.PRIO_PROCESS, 0, max(value, wayNice)) // this thread's
		if err == nil {
			err = syscall.Setpriority(syscall.PRIO_PROCESS, 0, value)
		}
		may <- err == nil
	}()
	return <-may
}
