package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// pidFile is where the number of the process stands that is the server. An empty one is none.
type pidFile string

// try finds out early whether it can be written: at the end of an upgrade it is too late.
func (f pidFile) try() error {
	if f == "" {
		return nil
	}
	defer os.Remove(f.next())
	return f.put(os.Getpid())
}

// write puts a number there. Whoever reads it meanwhile finds the old one or the new one.
func (f pidFile) write(pid int) error {
	if f == "" {
		return nil
	}
	if err := f.put(pid); err != nil {
		return err
	}
	if err := os.Rename(f.next(), string(f)); err != nil {
		return fmt.Errorf("--pid-file: %w", err)
	}
	return nil
}

// remove removes the file if it is still ours.
func (f pidFile) remove() {
	if text, err := os.ReadFile(string(f)); err == nil && strings.TrimSpace(string(text)) == strconv.Itoa(os.Getpid()) {
		os.Remove(string(f))
	}
}

// next is the file in the making, one for each process.
func (f pidFile) next() string {
	return filepath.Join(filepath.Dir(string(f)), fmt.Sprintf(".%s.%d", filepath.Base(string(f)), os.Getpid()))
}

func (f pidFile) put(pid int) error {
	if err := os.WriteFile(f.next(), fmt.Appendln(nil, pid), 0o644); err != nil {
		return fmt.Errorf("--pid-file: %w", err)
	}
	return nil
}
