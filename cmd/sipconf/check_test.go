package main

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheck runs `sipconf check --print` on each file of testdata/check.  Beside it is a .txt with
// what the operator sees: the exit status, stderr and stdout.  A line "# env: NAME=VALUE" at the
// top of the file is the environment.
func TestCheck(t *testing.T) {
	files, err := filepath.Glob("testdata/check/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files to check: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			environ := environOf(t, file)
			t.Chdir("testdata/check")
			t.Setenv("SIPCONF_CONFIG", "")
			status, stdout, stderr := runCommand(environ, "check", "--print", "--config", filepath.Base(file))
			golden(t, name+".txt", "exit status "+string('0'+rune(status))+"\n"+stderr+stdout)
		})
	}
}

// environOf reads the environment that a file of testdata/check asks for.
func environOf(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var environ []string
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if entry, ok := strings.CutPrefix(lines.Text(), "# env: "); ok {
			environ = append(environ, entry)
		}
	}
	return environ
}

// runCommand is one run of sipconf.
func runCommand(environ []string, args ...string) (status int, stdout, stderr string) {
	var out, err bytes.Buffer
	status = run(&process{stdout: &out, stderr: &err, environ: environ}, args)
	return status, out.String(), err.String()
}
