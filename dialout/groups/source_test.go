package groups

import (
	"errors"
	"strings"
	"testing"
)

// TestURLs: what an operator may write, and what he is told of all else.  The password is never part of that.
func TestURLs(t *testing.T) {
	for url, want := range map[string]string{
		"list":                                                             "",
		"sqlite:///var/lib/sipconf/sipconf.db":                             "",
		"postgres://sipconf:geheim@db/pbx":                                 "",
		"postgresql://sipconf:geheim@db/pbx":                               "",
		"postgres:///pbx?host=/run/postgresql":                             "",
		"postgres://sipconf:ge%2Fheim@[::1]/pbx":                           "",
		"postgres://u:geheim@db/pbx?sslmode=verify-full&connect_timeout=1": "",
		"mysql://sipconf:geheim@db/pbx":                                    "",
		"mysql://sipconf:geheim@[::1]:3307/pbx?tls=skip-verify":            "",
		"mariadb://sipconf@db/pbx":                                         "",
		"sqlserver://sipconf:geheim@db:1433?database=pbx":                  "",
		"sqlserver://sipconf:geheim@db/instance?encrypt=disable":           "",

		"":                                       "it is not the URL of a store: write sqlite:///FILE, postgres://",
		"/var/lib/sipconf.db":                    "it is not the URL of a store",
		"List":                                   "it is not the URL of a store",
		"geheim":                                 "it is not the URL of a store",
		"oracle://u:geheim@db/pbx":               `there is no store "oracle": write sqlite:///FILE`,
		"sqlite://var/lib/sipconf.db":            "the file does not begin with a /: write sqlite:///var/lib/",
		"sqlite:///":                             "there is no name of a file",
		"sqlite:///var/lib/":                     "there is no name of a file",
		"sqlite:///a.db?mode=ro":                 "the file of an SQLite database has no parameters",
		"postgres://u:ge/heim@db/pbx":            "it is not a URL: write postgres://USER:PASSWORD@HOST:5432/DATABASE; in a user",
		"postgres://u:12/geheim@db/pbx":          "it is not a URL",
		"postgres://u:12?geheim@db/pbx":          "it is not a URL",
		"postgres://u:ge#heim@db/pbx":            "it is not a URL",
		"postgres://u:ge%heim@db/pbx":            "it is not a URL",
		"postgres://u:geheim@db:port/pbx":        "it is not a URL",
		"postgres://u@db/pbx?a=1;b=geheim":       "it is not a URL",
		"postgres://u:\xff@db/pbx":               "it is not a URL",
		"postgres://u:geheim@db/pbx?sslmode=odd": "sslmode is invalid",
		"postgres://u@db/pbx?password=geheim":    `the password does not go into the parameter "password", but before the @`,
		"sqlserver://db?user+id=u&PWD=geheim":    `the password does not go into the parameter "PWD"`,
		"mysql://sipconf:geheim@/pbx":            "there is no host: write mysql://",
		"mysql://sipconf:geheim@db":              "there is no name of a database",
		"mysql://sipconf:geheim@db/":             "there is no name of a database",
		"mysql://sipconf:geheim@db/a/b":          "there is no name of a database",
		"mysql://sipconf:geheim@db/pbx?tls=odd":  "unknown config name: odd: write mysql://",
		"sqlserver://":                           "there is no host",
		"sqlserver://u:geheim@db?encrypt=odd":    "invalid encrypt",
	} {
		_, err := Open(url, Options{})
		got := ""
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) || (want == "") != (got == "") {
			t.Errorf("%s: got %q, want %q", url, got, want)
		}
		if strings.Contains(got, "heim") || strings.Contains(got, "\n") {
			t.Errorf("%s: the password, or a second line, is in %q", url, got)
		}
	}
}

func TestRedact(t *testing.T) {
	for url, want := range map[string]string{
		"list":                                      "list",
		"sqlite:///var/lib/sipconf/sipconf.db":      "sqlite:///var/lib/sipconf/sipconf.db",
		"sqlite:///a%20b/@.db":                      "sqlite:///a%20b/@.db",
		"postgres://sipconf:geheim@db/pbx?a=1":      "postgres://sipconf:xxxxx@db/pbx?a=1",
		"postgres://sipconf@db/pbx":                 "postgres://sipconf@db/pbx",
		"postgres://u:ge/heim@db/pbx":               "postgres://xxxxx",
		"postgres://u:12/geheim@db/pbx":             "postgres://xxxxx",
		"postgres://u:ge#heim@db/pbx":               "postgres://xxxxx",
		"postgres://u@db/pbx?a=1;password=geheim":   "postgres://xxxxx",
		"postgres://u@db/pbx?sslpassword=geheim":    "postgres://u@db/pbx?sslpassword=xxxxx",
		"sqlserver://u:ge%40heim@db?database=pbx":   "sqlserver://u:xxxxx@db?database=pbx",
		"user:geheim@tcp(db)/pbx":                   "xxxxx",
		"mysql:geheim":                              "xxxxx",
		"geheim":                                    "xxxxx",
		"":                                          "xxxxx",
		"oracle://scott:geheim@db/pbx?PassWord=abc": "oracle://scott:xxxxx@db/pbx?PassWord=xxxxx",
	} {
		if got := Redact(url); got != want {
			t.Errorf("%s: got %s, want %s", url, got, want)
		}
	}
}

// FuzzURL: whatever an operator writes, what is said of it is one line and does not hold his password.
func FuzzURL(f *testing.F) {
	f.Add("postgres", "sipconf", "geheim", "db", "/pbx?sslmode=disable")
	f.Add("mysql", "sipconf", "ge/heim", "db:3306", "/pbx")
	f.Add("sqlserver", "sa", "%#?", "db", "?database=pbx")
	f.Add("postgres", "u", "12/@:", "db", "")
	f.Fuzz(func(t *testing.T, scheme, user, secret, host, rest string) {
		const mark = "gEhEiM" // no part of any message of ours
		url := scheme + "://" + user + ":" + secret + mark + "@" + host + rest
		if strings.Contains(scheme+user+host+rest, "://") || strings.ContainsAny(scheme+user, "/?#@:") || strings.Contains(scheme, mark) {
			return // then it is not the password
		}
		if _, err := Open(url, Options{}); err != nil && (strings.Contains(err.Error(), mark) || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%q: %v", url, err)
		}
		if shown := Redact(url); strings.Contains(shown, mark) {
			t.Errorf("%q is shown as %q", url, shown)
		}
	})
}

// TestQueries: the one parameter of an operator's query.
func TestQueries(t *testing.T) {
	const sqlite, postgres, mysql, sqlserver = "sqlite:///a.db", "postgres://db/pbx", "mysql://db/pbx", "sqlserver://db"
	for _, c := range []struct{ url, query, want string }{
		{sqlite, "SELECT a FROM b WHERE c = ?", ""},
		{mysql, "SELECT a, 'why?' -- really?\nFROM b WHERE c = ? /* or so? */ AND `d?` = \"?\"", ""},
		{postgres, "SELECT a FROM b WHERE c = $1 OR d = $1", ""},
		{sqlserver, "SELECT a FROM b WHERE c = @p1 OR d = @P1 OR e = @P1x", ""},
		{"list", "SELECT a FROM b WHERE c = ?", "a list has no query"},
		{sqlite, "SELECT a FROM b", "the query has no ?, so it would find the same for every group"},
		{sqlite, "SELECT a FROM b WHERE c = '?'", "the query has no ?"},
		{sqlite, "SELECT a FROM b WHERE c = ? AND d = ?", "the query has 2 parameters"},
		{postgres, "SELECT a FROM b WHERE c = ?", "the query has no $1"},
		{postgres, "SELECT a FROM b WHERE c = '$1'", "the query has no $1"},
		{postgres, "SELECT a FROM b WHERE c = $1 AND d = $2", "the query has a parameter $2, but there is only $1"},
		{postgres, "SELECT a FROM b WHERE c = $10", "the query has a parameter $10"},
		{sqlserver, "SELECT a FROM b WHERE c = ?", "the query has no @p1"},
		{sqlserver, "SELECT a FROM b WHERE c = @p", "the query has no @p1"},
		{mysql, " ", "the query is empty"},
		{mysql, "-- ?", "the query is empty"},
	} {
		_, err := Open(c.url, Options{Query: c.query})
		checked := CheckQuery(c.url, c.query)
		for _, err := range []error{err, checked} {
			if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%s: %s: got %v, want %q", c.url, c.query, err, c.want)
			}
		}
	}
	if err := CheckQuery("nonsense", "?"); err != nil {
		t.Errorf("the query has a fault because of the URL: %v", err)
	}
}

// TestOpenAsksNobody: neither a file nor a server.
func TestOpenAsksNobody(t *testing.T) {
	for _, url := range urls("192.0.2.1:1") { // would take its time
		if store := open(t, url, Options{}); store.Prepare(within(t)) != nil {
			t.Errorf("%s: a server was asked", url)
		}
	}
	if errors.Is(ErrDown, ErrUnknown) || errors.Is(&downError{"", ErrDown}, ErrUnknown) {
		t.Error("down is unknown")
	}
}
