package dbtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// page is where the statements are that make the table, from the top of the repository.
const page = "docs/groups.md"

// Table is the statement of docs/groups.md that makes the table in a database whose URL has that scheme: sqlite,
// postgres, mysql or sqlserver.  So what an operator copies from there is what the tests have tried.
func Table(t testing.TB, scheme string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(top(t), page))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "<!-- table "+scheme+" -->\n```sql\n")
	statement, _, ok2 := strings.Cut(rest, "```")
	if !ok || !ok2 {
		t.Fatalf("%s has no table for %s", page, scheme)
	}
	return strings.TrimSuffix(strings.TrimSpace(statement), ";")
}

// top is the folder of the repository; a test runs in that of its package, somewhere below.
func top(t testing.TB) string {
	t.Helper()
	folder, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for at := folder; at != filepath.Dir(at); at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			return at
		}
	}
	t.Fatalf("there is no go.mod above %s", folder)
	return ""
}
