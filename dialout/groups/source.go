package groups

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

// A source is the URL of a database, taken apart.  It keeps the password in its connector and nowhere else.
type source struct {
	shown     string // the URL as anybody may see it
	dialect   *dialect
	connector driver.Connector
	file      string // of an SQLite database, else empty
}

// shapes is how the URLs look, for whoever wrote one that does not.
const shapes = `sqlite:///FILE, postgres://USER:PASSWORD@HOST/DATABASE, mysql://USER:PASSWORD@HOST/DATABASE, ` +
	`sqlserver://USER:PASSWORD@HOST?database=DATABASE, or list`

// parseSource takes a URL apart.  No error quotes it, for a password with a / or a # in it stands at places where
// nobody looks for one; and the drivers, whose errors do quote, are given the URL without it.
func parseSource(text string) (*source, error) {
	scheme, _, ok := strings.Cut(text, "://")
	d := findDialect(scheme)
	switch {
	case !ok:
		return nil, errors.New("it is not the URL of a store: write " + shapes)
	case d == nil:
		return nil, fmt.Errorf("there is no store %q: write %s", scheme, shapes)
	}
	u, parameters, ok := parseURL(text)
	if !ok {
		return nil, fmt.Errorf("it is not a URL: write %s; in a user, password or name, "+
			"characters such as / : @ # ? %% are written as %%2F %%3A %%40 %%23 %%3F %%25", d.shape)
	}
	for name := range parameters {
		if isSecret(name) {
			return nil, fmt.Errorf("the password does not go into the parameter %q, but before the @: write %s", name, d.shape)
		}
	}
	s := &source{shown: Redact(text), dialect: d}
	password, _ := u.User.Password()
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	var err error
	if s.connector, err = d.connector(u, password); err != nil {
		return nil, fmt.Errorf("%w: write %s", oneLine(err), d.shape)
	}
	if d == sqlite {
		s.file = u.Path
	}
	return s, nil
}

// parseURL is a URL and its parameters, if all of it can be told apart: a # or a ; may be of a password, and so may
// all that stands before a late @.
func parseURL(text string) (u *url.URL, parameters url.Values, ok bool) {
	u, err := url.Parse(text)
	if err != nil || strings.Contains(text, "#") || !utf8.ValidString(text) {
		return nil, nil, false
	}
	if u.Scheme != sqlite.schemes[0] && strings.Contains(u.EscapedPath()+u.RawQuery, "@") {
		return nil, nil, false
	}
	parameters, err = url.ParseQuery(u.RawQuery)
	return u, parameters, err == nil
}

// isSecret says whether the parameter of a URL is a password.
func isSecret(parameter string) bool {
	name := strings.ToLower(parameter)
	return strings.Contains(name, "password") || strings.Contains(name, "passwd") || name == "pwd"
}

// Redact is the URL of a store for everybody's eyes: with xxxxx for its password.  Of what is no URL only the
// scheme is left, because nobody knows where the password is in it.
func Redact(text string) string {
	if text == listWord {
		return text
	}
	u, parameters, ok := parseURL(text)
	if !ok || u.Opaque != "" || u.Scheme == "" {
		scheme, _, ok := strings.Cut(text, "://")
		if !ok {
			return "xxxxx"
		}
		return scheme + "://xxxxx"
	}
	for name := range parameters {
		if isSecret(name) {
			parameters.Set(name, "xxxxx")
			u.RawQuery = parameters.Encode()
		}
	}
	return u.Redacted()
}

func oneLine(err error) error {
	return errors.New(strings.Join(strings.Fields(err.Error()), " "))
}
