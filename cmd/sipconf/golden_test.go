package main

import (
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write what the tests see into the files they compare it with")

// golden compares got with the file, or writes it there with -update.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is not what this code makes of it (run with -update to accept it):\ngot\n%s\nwant\n%s", file, got, want)
	}
}
