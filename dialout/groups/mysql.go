package groups

import (
	"database/sql/driver"
	"errors"
	"net"
	"net/url"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// mysqlDialect is MySQL's and MariaDB's.
var mysqlDialect = &dialect{
	schemes:   []string{"mysql", "mariadb"},
	shape:     "mysql://USER:PASSWORD@HOST:3306/DATABASE",
	parameter: "?",
	text:      "CAST(TRIM(CAST($1 AS CHAR)) AS BINARY)", // byte by byte, as we compare: not by the rules of some language
	connector: connectMySQL,
	lacksTable: func(err error) bool {
		var said *mysql.MySQLError
		return errors.As(err, &said) && said.Number == 1146 // ER_NO_SUCH_TABLE
	},
}

func connectMySQL(u *url.URL, password string) (driver.Connector, error) {
	database := strings.TrimPrefix(u.Path, "/")
	switch {
	case u.Hostname() == "":
		return nil, errors.New("there is no host")
	case database == "" || strings.Contains(database, "/"):
		return nil, errors.New("there is no name of a database")
	}
	port := u.Port()
	if port == "" {
		port = "3306"
	}
	// The driver knows its parameters (tls, timeout, collation) only in its own kind of URL.
	config, err := mysql.ParseDSN("/?" + u.RawQuery)
	if err != nil {
		return nil, err
	}
	config.User, config.Passwd, config.DBName = u.User.Username(), password, database
	config.Net, config.Addr, config.DialFunc = "tcp", net.JoinHostPort(u.Hostname(), port), dial
	config.InterpolateParams, config.MultiStatements = false, false // parameters are bound, by the server
	config.ClientFoundRows = true                                   // an UPDATE counts what it finds, see Put
	config.Logger = &mysql.NopLogger{}                              // what it has to say is in its errors too
	return mysql.NewConnector(config)
}
