//go:build linux

package dbtest

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// PostgreSQL makes a PostgreSQL with an empty database.  It does not run yet.  The test is skipped where there is
// none, and fails if CI=true.
func PostgreSQL(t testing.TB) *Server {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if len(found) == 0 {
		lack(t, "PostgreSQL: apt-get install postgresql")
	}
	bin := filepath.Dir(found[len(found)-1])
	s := newServer(t)
	if err := os.WriteFile(s.folder+"/password", []byte(Password), 0o644); err != nil {
		t.Fatal(err)
	}
	s.prepare("", bin+"/initdb", "-D", s.folder+"/data", "-U", user, "-A", "scram-sha-256", "--pwfile="+s.folder+"/password",
		"-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
	s.command = []string{bin + "/postgres", "-D", s.folder + "/data", "-p", strconv.Itoa(int(s.addr.Port())), "-k", "",
		"-c", "listen_addresses=" + s.addr.Addr().String(), "-c", "fsync=off"} // what is committed survives Kill all the same
	s.URL = s.urlOf("postgres", "/postgres")
	config, err := pgx.ParseConfig(s.URL + "?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	s.connector = stdlib.GetConnector(*config)
	return s
}
