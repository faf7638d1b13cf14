package groups

import (
	"database/sql"
	"slices"
	"testing"
)

// TestStatements: each statement as each database gets it.  SQL Server's are not tried on a server of it, so this
// is their proof; the others' is in their own tests.
func TestStatements(t *testing.T) {
	for _, c := range []struct {
		dialect         *dialect
		statement, want string
	}{
		{sqlserver, selectMembers, "SELECT extension, name, description FROM conf_groups WHERE LTRIM(RTRIM(CAST(groupid AS NVARCHAR(255)))) = @p1"},
		{sqlserver, selectRows, "SELECT groupid, extension, name, description FROM conf_groups"},
		{sqlserver, insertRow, "INSERT INTO conf_groups (groupid, extension, name, description) VALUES (@p1, @p2, @p3, @p4)"},
		{sqlserver, updateRow, "UPDATE conf_groups SET name = @p1, description = @p2 " +
			"WHERE LTRIM(RTRIM(CAST(groupid AS NVARCHAR(255)))) = @p3 AND LTRIM(RTRIM(CAST(extension AS NVARCHAR(255)))) = @p4"},
		{sqlserver, deleteGroup, "DELETE FROM conf_groups WHERE LTRIM(RTRIM(CAST(groupid AS NVARCHAR(255)))) = @p1"},
		{sqlserver, deleteRow, "DELETE FROM conf_groups WHERE LTRIM(RTRIM(CAST(groupid AS NVARCHAR(255)))) = @p1 " +
			"AND LTRIM(RTRIM(CAST(extension AS NVARCHAR(255)))) = @p2"},
		{postgres, deleteRow, "DELETE FROM conf_groups WHERE TRIM(CAST(groupid AS TEXT)) = $1 AND TRIM(CAST(extension AS TEXT)) = $2"},
		{sqlite, deleteRow, "DELETE FROM conf_groups WHERE TRIM(CAST(groupid AS TEXT)) = ? AND TRIM(CAST(extension AS TEXT)) = ?"},
		{mysqlDialect, deleteGroup, "DELETE FROM conf_groups WHERE CAST(TRIM(CAST(groupid AS CHAR)) AS BINARY) = ?"},
	} {
		if got := c.dialect.statement(c.statement); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

// TestDrivers: those that the program has in it.
func TestDrivers(t *testing.T) {
	for _, name := range []string{"sqlite", "pgx", "mysql", "sqlserver"} {
		if !slices.Contains(sql.Drivers(), name) {
			t.Errorf("there is no driver %s", name)
		}
	}
}
