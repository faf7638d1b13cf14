package groups

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A dialect is what one kind of database has of its own.
type dialect struct {
	schemes []string // of the URL, the one of the documentation first
	shape   string   // of the URL
	// parameter begins the n-th parameter of a statement, from 1; numbered says whether n follows.
	parameter string
	numbered  bool
	// text is the expression for a column as text without spaces around it: an existing table may have numbers in
	// it, or columns of fixed width.  A comparison with a text would fail on the first, or, in MySQL, take "100x"
	// for 100.  The database cannot use an index for it; 100,000 rows are looked through in 18 to 49 ms.
	text string
	// connector knows how to connect to u, which has no password in it.
	connector func(u *url.URL, password string) (driver.Connector, error)
	// lacksTable says whether an error is that there is no table conf_groups.
	lacksTable func(error) bool
}

var dialects = []*dialect{sqlite, postgres, mysqlDialect, sqlserver}

func findDialect(scheme string) *dialect {
	for _, d := range dialects {
		if slices.Contains(d.schemes, scheme) {
			return d
		}
	}
	return nil
}

// The statements, with ? for a parameter and {column} for a column as text.
const (
	selectMembers = "SELECT extension, name, description FROM conf_groups WHERE {groupid} = ?"
	selectRows    = "SELECT groupid, extension, name, description FROM conf_groups"
	insertRow     = "INSERT INTO conf_groups (groupid, extension, name, description) VALUES (?, ?, ?, ?)"
	updateRow     = "UPDATE conf_groups SET name = ?, description = ? WHERE {groupid} = ? AND {extension} = ?"
	deleteGroup   = "DELETE FROM conf_groups WHERE {groupid} = ?"
	deleteRow     = deleteGroup + " AND {extension} = ?"
)

var columnAsText = regexp.MustCompile(`\{(\w+)\}`)

// statement writes one of the statements above as the database has it.
func (d *dialect) statement(text string) string {
	text = columnAsText.ReplaceAllString(text, d.text)
	if !d.numbered {
		return text
	}
	var b strings.Builder
	for n, part := range strings.Split(text, "?") {
		if n > 0 {
			b.WriteString(d.parameter + strconv.Itoa(n))
		}
		b.WriteString(part)
	}
	return b.String()
}

// first is how the one parameter of an operator's query is written.
func (d *dialect) first() string {
	if d.numbered {
		return d.parameter + "1"
	}
	return d.parameter
}

// quoted is what no database looks for parameters in: texts, quoted names and comments.
var quoted = regexp.MustCompile(`(?s)'[^']*'|"[^"]*"|` + "`[^`]*`" + `|--[^\n]*|/\*.*?\*/`)

// checkQuery says whether an operator's query has its one parameter.  One without it would call everybody.
func (d *dialect) checkQuery(query string) error {
	bare := strings.ToLower(quoted.ReplaceAllString(query, " "))
	found := strings.Count(bare, "?")
	if d.numbered {
		found = 0
		for _, n := range regexp.MustCompile(regexp.QuoteMeta(d.parameter)+`(\d+)\b`).FindAllStringSubmatch(bare, -1) {
			if n[1] != "1" {
				return fmt.Errorf("the query has a parameter %s%s, but there is only %s, the group's id", d.parameter, n[1], d.first())
			}
			found++
		}
	}
	switch {
	case strings.TrimSpace(bare) == "":
		return errors.New("the query is empty")
	case found == 0:
		return fmt.Errorf("the query has no %s, so it would find the same for every group: write %s, without quotes, where the group's id belongs",
			d.first(), d.first())
	case found > 1 && !d.numbered:
		return fmt.Errorf("the query has %d parameters, but there is only one, the group's id", found)
	}
	return nil
}

// CheckQuery says what is wrong with the query for the store of a URL.  A URL that is wrong itself is no fault of
// the query.
func CheckQuery(url, query string) error {
	if url == listWord {
		return errors.New("a list has no query")
	}
	scheme, _, _ := strings.Cut(url, "://")
	d := findDialect(scheme)
	if d == nil || query == "" {
		return nil
	}
	return d.checkQuery(query)
}
