//go:build profile

package main

import (
	"os"
	"runtime/pprof"
	"time"
)

// With the tag profile, for `make pgo` alone, the program writes a CPU profile of its first minute into the file that CPUPROFILE names: that minute
// is what the compiler goes by from then on (default.pgo).
func init() {
	file, err := os.Create(os.Getenv("CPUPROFILE"))
	if err != nil {
		panic(err)
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		panic(err)
	}
	time.AfterFunc(time.Minute, func() {
		pprof.StopCPUProfile()
		file.Close()
	})
}
