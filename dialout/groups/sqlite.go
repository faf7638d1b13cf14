package groups

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	driversqlite "modernc.org/sqlite"
)

// SQLite keeps a database in one file, in the old journal mode and not in WAL: the table is seldom written, readers
// then need no right to write, and between two questions there is nothing but that one file, which may be copied.
var sqlite = &dialect{
	schemes:    []string{"sqlite"},
	shape:      "sqlite:///var/lib/sipconf/sipconf.db, with the whole path of the file",
	parameter:  "?",
	text:       "TRIM(CAST($1 AS TEXT))",
	connector:  connectSQLite,
	lacksTable: func(err error) bool { return strings.Contains(err.Error(), "no such table: conf_groups") },
}

// sqliteSchema is the article's table with a key, which also is its index.
const sqliteSchema = `CREATE TABLE IF NOT EXISTS conf_groups (
	groupid TEXT NOT NULL,
	extension TEXT NOT NULL,
	name TEXT NOT NULL DEFAULT '',
	description TEXT NOT NULL DEFAULT '',
	PRIMARY KEY (groupid, extension)
)`

func connectSQLite(u *url.URL, _ string) (driver.Connector, error) {
	switch {
	case u.Host != "" || u.User != nil:
		return nil, errors.New("the file does not begin with a /")
	case u.Path == "" || strings.HasSuffix(u.Path, "/"):
		return nil, errors.New("there is no name of a file")
	case u.RawQuery != "":
		return nil, errors.New("the file of an SQLite database has no parameters; a ? in its name is written as %3F")
	}
	const busy = LookupTime - time.Second // so that "database is locked" comes before the end of the question
	settings := url.Values{
		"_busy_timeout": {strconv.FormatInt(busy.Milliseconds(), 10)},
		"_txlock":       {"immediate"}, // two who edit wait for each other
		"_error_rc":     {"1"},
	}
	return driversqlite.NewConnector((&url.URL{Scheme: "file", Path: u.Path, RawQuery: settings.Encode()}).String())
}

// prepareFile makes the folder of a file that is ours, if only that is missing: /var/lib/sipconf, but not what is
// above, which would rather be a slip of the pen.  The file itself SQLite makes; one that is not ours must be there.
func prepareFile(file string, ours bool) error {
	if !ours {
		_, err := os.Stat(file)
		return errnoOf(err)
	}
	folder := filepath.Dir(file)
	if _, err := os.Stat(folder); !errors.Is(err, fs.ErrNotExist) {
		return nil // it is there; if it is of no use, SQLite will say so
	}
	err := os.Mkdir(folder, 0o755)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return nil
	}
	return fmt.Errorf("there is no folder %s, and it cannot be made: %w", folder, errnoOf(err))
}

// errnoOf is the system's word alone: what and where stands beside it.
func errnoOf(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// Trouble is what keeps a store from being used on this machine by this user, as far as that can be told without
// asking a server, or nil.  A missing file is no trouble where one can be made.
func Trouble(store string) error {
	from, err := parseSource(store)
	if err != nil || from.file == "" {
		return nil // a list or a server, or wrong as a URL, which is said elsewhere
	}
	const read, write, search = 4, 2, 1 // access(2): R_OK, W_OK, X_OK
	file, folder := from.file, filepath.Dir(from.file)
	info, err := os.Stat(file)
	switch {
	case err == nil && info.IsDir():
		return fmt.Errorf("%s is a folder, not a file", file)
	case err == nil:
		if err := syscall.Access(file, read|write); err != nil {
			return fmt.Errorf("this user may not read and write %s: %w", file, err)
		}
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: %w", file, errnoOf(err))
	}
	if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
		above := filepath.Dir(folder)
		if err := syscall.Access(above, write|search); err != nil {
			return fmt.Errorf("there is no folder %s, and this user may not make it: %w", folder, err)
		}
		return nil
	}
	if err := syscall.Access(folder, write|search); err != nil {
		return fmt.Errorf("this user may not make a file in %s: %w", folder, err)
	}
	return nil
}

// Prepare makes the file and the table of SQLite.  With a query the database is somebody else's, and is left alone.
func (t *table) Prepare(ctx context.Context) error {
	if t.from.file == "" || t.query != "" {
		return nil
	}
	return t.ask(ctx, LookupTime, func(context.Context, *sql.Conn) error { return nil }) // connect does it
}
