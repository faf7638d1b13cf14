package groups

import (
	"database/sql/driver"
	"errors"
	"net/url"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

var postgres = &dialect{
	schemes:   []string{"postgres", "postgresql"},
	shape:     "postgres://USER:PASSWORD@HOST:5432/DATABASE",
	parameter: "$", numbered: true,
	text:      "TRIM(CAST($1 AS TEXT))",
	connector: connectPostgres,
	lacksTable: func(err error) bool {
		var said *pgconn.PgError
		return errors.As(err, &said) && said.Code == "42P01" // undefined_table
	},
}

func connectPostgres(u *url.URL, password string) (driver.Connector, error) {
	config, err := pgx.ParseConfig(u.String())
	if err != nil {
		return nil, err
	}
	if password != "" { // else it is from ~/.pgpass or PGPASSWORD, or there is none
		config.Password = password
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "sipconf"
	}
	config.DialFunc = dial
	// One round trip, parameters bound by the server, and nothing prepared: a connection asks one question, and
	// PgBouncer may stand in between.
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	return stdlib.GetConnector(*config), nil
}
