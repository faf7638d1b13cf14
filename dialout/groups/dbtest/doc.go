// Package dbtest runs real database servers for tests: PostgreSQL and MariaDB as Debian has them (.ci/tools.sh
// installs them; Linux only).  A server has a folder of the test's own, listens on a port of the loopback, runs as a
// user without rights, and is gone when the test ends.
//
//	db := dbtest.PostgreSQL(t) // made, but nobody listens yet
//	db.Start()
//	db.Exec(dbtest.Table(t, "postgres"), "INSERT INTO conf_groups (groupid, extension) VALUES ('100', '201')")
//	store, err := groups.Open(db.URL, groups.Options{})
//	db.Kill()   // in the middle of whatever it does
//	db.Start()  // on the same port, with the same data
//	db.Freeze() // it stands still, and its connections with it
//	db.Thaw()
//
// It does not know package groups, whose own tests use it.
package dbtest
