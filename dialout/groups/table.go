package groups

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// A table is the store of a database: its table conf_groups, or what a query makes of another one.  Immutable but
// for its slots.
type table struct {
	from  *source
	query string        // of the operator; empty: selectMembers
	slots chan struct{} // has an entry for each question under way
}

func newTable(from *source, query string) *table {
	return &table{from: from, query: query, slots: make(chan struct{}, slots)}
}

// ask puts one question: it opens a connection, has f use it, and closes it, all within the time.  Its error is
// ctx's own if that ended, and else ErrDown with its cause.
//
// database/sql's pool is not used: it opens connections under a context of its own, and hands them from one
// question to the next, while ours end with the question that they are for.
func (t *table) ask(ctx context.Context, within time.Duration, f func(context.Context, *sql.Conn) error) error {
	question, end := context.WithTimeout(ctx, within)
	defer end()
	select {
	case t.slots <- struct{}{}:
		defer func() { <-t.slots }()
	case <-question.Done():
		return t.explain(ctx, question, within, question.Err())
	}
	db := sql.OpenDB(t.from.connector)
	defer db.Close()
	c, err := t.connect(asking(question), end, db)
	if err != nil {
		return t.explain(ctx, question, connectTime, err)
	}
	defer c.Close()
	return t.explain(ctx, question, within, f(question, c))
}

// connect opens the connection of a question, and ends the question when that takes too long.
func (t *table) connect(question context.Context, end context.CancelFunc, db *sql.DB) (*sql.Conn, error) {
	ours := t.from.file != "" && t.query == ""
	if t.from.file != "" {
		if err := prepareFile(t.from.file, ours); err != nil {
			return nil, err
		}
	}
	late := time.AfterFunc(connectTime, end)
	defer late.Stop()
	c, err := db.Conn(question)
	if err != nil {
		return nil, err
	}
	if ours {
		if _, err := c.ExecContext(question, sqliteSchema); err != nil {
			c.Close()
			return nil, err
		}
	}
	return c, nil
}

// explain makes of an error what Store promises.  within is how long could be waited where it came from.
func (t *table) explain(ctx, question context.Context, within time.Duration, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err() // whoever asked does not wait any more
	case errors.Is(err, ErrUnknown):
		return err
	case isOver(question):
		err = slowError{within, err}
	case t.query == "" && t.from.dialect.lacksTable(err):
		err = fmt.Errorf("%w: docs/groups.md has the statement that makes the table", err)
	}
	return &downError{t.from.shown, err}
}

// isOver says whether the time of a question is over, which others may notice before its timer does.
func isOver(question context.Context) bool {
	end, _ := question.Deadline()
	return question.Err() != nil || !time.Now().Before(end)
}

// slowError is that the time was over.  What the driver made of that, say a socket that was closed under it, is
// for errors.As alone: to read, it would lead astray.
type slowError struct {
	within time.Duration
	cause  error
}

func (e slowError) Error() string   { return "no answer within " + e.within.String() }
func (e slowError) Unwrap() []error { return []error{context.DeadlineExceeded, e.cause} }

// Members asks the database.
func (t *table) Members(ctx context.Context, group string) ([]Member, error) {
	unknown := fmt.Errorf("group %q: %w", group, ErrUnknown)
	if !canBeKey(group) {
		return nil, unknown
	}
	query := t.query
	if query == "" {
		query = t.from.dialect.statement(selectMembers)
	}
	var members []Member
	err := t.ask(ctx, LookupTime, func(ctx context.Context, c *sql.Conn) error {
		rows, err := read(ctx, c, mostMembers, (*Row).memberFields, query, group)
		if err != nil {
			return err
		}
		if t.query == "" {
			slices.SortStableFunc(rows, compareRows)
		}
		if members = callable(rows); len(members) == 0 {
			return unknown
		}
		return nil
	})
	return members, err
}

// canBeKey says whether a group or extension of this name may be in a table.  What cannot is not asked for:
// PostgreSQL would find fault with such a text, and SQL Server not see a space at its end.
func canBeKey(text string) bool {
	return utf8.ValidString(text) && strings.Trim(text, " ") == text && !strings.ContainsFunc(text, unicode.IsControl)
}

// A queryer is a connection, or a transaction on it.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// read is the tidy rows that a query finds.  fields is where its columns belong; the last ones may be missing.
func read(ctx context.Context, from queryer, most int, fields func(*Row) []*string, query string, args ...any) ([]Row, error) {
	result, err := from.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer result.Close()
	names, err := result.Columns()
	if err != nil {
		return nil, err
	}
	var rows []Row
	texts := make([]sql.NullString, len(names)) // a name may be NULL
	places := make([]any, len(names))
	for i := range texts {
		places[i] = &texts[i]
	}
	for result.Next() {
		var row Row
		to := fields(&row)
		if len(texts) > len(to) {
			return nil, fmt.Errorf("the query has %d columns: these are %s", len(texts), strings.Join(columns[len(columns)-len(to):], ", "))
		}
		if err := result.Scan(places...); err != nil {
			return nil, err
		}
		for i, text := range texts {
			*to[i] = text.String
		}
		if rows = append(rows, row.tidy()); len(rows) > most {
			return nil, fmt.Errorf("there are more than %d rows: is a condition missing in the query?", most)
		}
	}
	return rows, result.Err()
}
