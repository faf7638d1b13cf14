//go:build linux

package dbtest

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// The folders of Debian's packages.
const (
	mariaProgram = "/usr/sbin/mariadbd"
	mariaScripts = "/usr/share/mysql/"
)

// MariaDB makes a MariaDB with an empty database.  It does not run yet.  The test is skipped where there is none, and
// fails if CI=true.
func MariaDB(t testing.TB) *Server {
	t.Helper()
	if _, err := os.Stat(mariaProgram); err != nil {
		lack(t, "MariaDB: apt-get install mariadb-server-core")
	}
	s := newServer(t)
	options := []string{mariaProgram, "--no-defaults", "--datadir=" + s.folder + "/data",
		"--tmpdir=" + s.folder, // each that starts removes the temporary tables that it finds there, those of others too
		"--innodb-buffer-pool-size=16M",
		"--innodb-log-file-size=8M", "--innodb-flush-log-at-trx-commit=2"} // what is committed survives Kill, though no power cut
	s.prepare("", "/bin/mkdir", "data")
	s.prepare(mariaTables(t), append(options, "--bootstrap")...)
	s.command = append(options, "--bind-address="+s.addr.Addr().String(), fmt.Sprint("--port=", s.addr.Port()),
		"--socket=maria.sock", "--skip-name-resolve")
	s.URL = s.urlOf("mysql", "/pbx")
	config := mysql.NewConfig()
	config.User, config.Passwd, config.DBName = user, Password, "pbx"
	config.Net, config.Addr, config.Logger = "tcp", s.addr.String(), &mysql.NopLogger{}
	var err error
	if s.connector, err = mysql.NewConnector(config); err != nil {
		t.Fatal(err)
	}
	return s
}

// mariaTables is what a new MariaDB must be told: its own tables, our user and our database.
func mariaTables(t testing.TB) string {
	t.Helper()
	var sql strings.Builder
	sql.WriteString("CREATE DATABASE mysql;\nUSE mysql;\n")
	for _, script := range []string{"mysql_system_tables.sql", "mysql_performance_tables.sql", "mysql_system_tables_data.sql"} {
		text, err := os.ReadFile(mariaScripts + script)
		if err != nil {
			t.Fatal(err)
		}
		sql.Write(append(text, '\n'))
	}
	fmt.Fprintf(&sql, "FLUSH PRIVILEGES;\nCREATE DATABASE pbx CHARACTER SET utf8mb4;\n"+
		"CREATE USER %[1]s@'127.0.0.1' IDENTIFIED BY '%[2]s';\nGRANT ALL ON pbx.* TO %[1]s@'127.0.0.1';\n", user, Password)
	return sql.String()
}
