package groups

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func sqliteURL(file string) string { return "sqlite://" + file }

func TestSQLite(t *testing.T) {
	t.Parallel()
	testStore(t, sqliteURL(filepath.Join(t.TempDir(), "groups.db")))
}

// TestSQLiteMakesItself: the first who uses it, and who prepares it, makes the folder, the file and the table; and
// so does a hundred at once.
func TestSQLiteMakesItself(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "sipconf")
	file := filepath.Join(folder, "odd name ?%23#.db")
	g := newGround(t, "sqlite://"+folder+"/odd%20name%20%3F%2523%23.db")
	if _, err := os.Stat(folder); err == nil {
		t.Fatal("Open has made something")
	}
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			if err := g.store.Prepare(within(t)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if _, err := os.Stat(file); err != nil {
		t.Fatal(err)
	}
	g.unknown("100")
	g.puts(Changes{Added: 1}, row("100", "201", "Anna", ""))
	if err := g.store.Prepare(within(t)); err != nil {
		t.Error(err)
	}
	g.holds(row("100", "201", "Anna", ""))
	if entries, err := os.ReadDir(folder); err != nil || len(entries) != 1 {
		t.Errorf("the folder has %v, %v, want one file", entries, err)
	}

	// The file is taken away, and then put back from a copy: no restart, no old connection.
	copied, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	os.Remove(file)
	g.unknown("100")
	if err := os.WriteFile(file, copied, 0o644); err != nil {
		t.Fatal(err)
	}
	g.extensions("100", "201")
}

// TestSQLiteFolderIsMissing: it is made, but not the one above it; and what is made later is found.
func TestSQLiteFolderIsMissing(t *testing.T) {
	top := t.TempDir()
	g := newGround(t, sqliteURL(top+"/var/sipconf/groups.db"))
	if err := g.down(); !strings.Contains(err.Error(), "there is no folder "+top+"/var/sipconf, and it cannot be made: no such file or directory") {
		t.Errorf("got %v", err)
	}
	if err := os.Mkdir(top+"/var", 0o755); err != nil {
		t.Fatal(err)
	}
	g.unknown("100")
}

// TestSQLiteForeignFiles: what is no database of ours is said, and not touched.
func TestSQLiteForeignFiles(t *testing.T) {
	folder := t.TempDir()
	text := folder + "/notes.txt"
	if err := os.WriteFile(text, []byte(strings.Repeat("not a database\n", 100)), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := newGround(t, sqliteURL(text)).down(); !strings.Contains(err.Error(), "not a database") {
		t.Errorf("got %v", err)
	}
	if err := newGround(t, sqliteURL(folder)).down(); !strings.Contains(err.Error(), "unable to open database file") {
		t.Errorf("got %v", err)
	}
	// With a query the file is somebody else's: it is not made.
	missing := &ground{t, "", open(t, sqliteURL(folder+"/missing.db"), Options{Query: "SELECT a FROM b WHERE c = ?"})}
	missing.down()
	if _, err := os.Stat(folder + "/missing.db"); err == nil {
		t.Error("the file of a query was made")
	}
}

// TestSQLiteIsLocked: by another program, for longer than anybody waits.
func TestSQLiteIsLocked(t *testing.T) {
	t.Parallel()
	g := newGround(t, sqliteURL(filepath.Join(t.TempDir(), "groups.db")))
	g.puts(Changes{Added: 1}, row("100", "201", "", ""))
	from, err := parseSource(g.url)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(from.connector)
	defer db.Close()
	other, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for _, statement := range []string{"BEGIN EXCLUSIVE", "DELETE FROM conf_groups"} {
		if _, err := other.ExecContext(context.Background(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.down(); !strings.Contains(err.Error(), "locked") && !errors.Is(err, context.DeadlineExceeded) { // on a busy machine
		t.Errorf("got %v, want that it is locked", err)
	}
	if _, err := other.ExecContext(context.Background(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	g.extensions("100", "201")
}

// TestTrouble: what an operator is told before anybody calls.
func TestTrouble(t *testing.T) {
	top := t.TempDir()
	if err := os.WriteFile(top+"/file", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for store, want := range map[string]string{
		"list": "", "postgres://u:p@127.0.0.1:1/d": "", "nonsense": "",
		"sqlite://" + top + "/new.db":      "",
		"sqlite://" + top + "/file":        "",
		"sqlite://" + top + "/a/new.db":    "",
		"sqlite://" + top + "/a/b/new.db":  "there is no folder " + top + "/a/b, and this user may not make it: no such file or directory",
		"sqlite://" + top:                  top + " is a folder, not a file",
		"sqlite://" + top + "/file/new.db": top + "/file/new.db: not a directory",
	} {
		got := ""
		if err := Trouble(store); err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, want) || (want == "") != (got == "") {
			t.Errorf("%s: got %q, want %q", store, got, want)
		}
	}
	if _, err := os.Stat(top + "/new.db"); err == nil {
		t.Error("looking has made the file")
	}
}
