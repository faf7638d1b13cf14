package groups

import (
	"context"
	"database/sql/driver"
	"errors"
	"net"
	"net/url"

	mssql "github.com/microsoft/go-mssqldb"
	"github.com/microsoft/go-mssqldb/msdsn"
)

// sqlserver is the article's own database.  No server of it could be had for the tests: docs/groups.md.
var sqlserver = &dialect{
	schemes:   []string{"sqlserver"},
	shape:     "sqlserver://USER:PASSWORD@HOST:1433?database=DATABASE",
	parameter: "@p", numbered: true,
	text:      "LTRIM(RTRIM(CAST($1 AS NVARCHAR(255))))", // TRIM is there since 2017 only
	connector: connectSQLServer,
	lacksTable: func(err error) bool {
		var said mssql.Error
		return errors.As(err, &said) && said.Number == 208 // invalid object name
	},
}

func connectSQLServer(u *url.URL, password string) (driver.Connector, error) {
	if u.Hostname() == "" {
		return nil, errors.New("there is no host")
	}
	config, err := msdsn.Parse(u.String())
	if err != nil {
		return nil, err
	}
	config.Password = password
	if !u.Query().Has("app name") {
		config.AppName = "sipconf"
	}
	config.LogFlags = 0
	return sqlserverConnector(config), nil
}

// A sqlserverConnector makes a connector of the driver for each connection.  One for all of them would not do: the
// driver writes into the TLS settings as it connects, and forgets that others use them too.
type sqlserverConnector msdsn.Config

func (c sqlserverConnector) Driver() driver.Driver { return new(mssql.Driver) }

func (c sqlserverConnector) Connect(ctx context.Context) (driver.Conn, error) {
	if c.TLSConfig != nil {
		c.TLSConfig = c.TLSConfig.Clone()
	}
	connector := mssql.NewConnectorConfig(msdsn.Config(c))
	connector.Dialer = sqlserverDialer(c.Host)
	return connector.Connect(ctx)
}

// sqlserverDialer is dial for this driver.  It has the host's name, because else the driver would look that up by
// itself, for as long as that takes.
type sqlserverDialer string

func (host sqlserverDialer) HostName() string { return string(host) }

func (sqlserverDialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return dial(ctx, network, address)
}
