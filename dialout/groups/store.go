package groups

import (
	"context"
	"errors"
	"strings"
	"time"
)

const (
	// LookupTime is how long Members takes at most: so long the caller who dialled a group waits for an answer.
	LookupTime = 3 * time.Second
	// connectTime is how long it takes at most to reach a database.
	connectTime = LookupTime
	// editTime is how long all else takes at most: an import of thousands of rows is one transaction.
	editTime = 2 * time.Minute
	// slots is how many questions a store puts to its database at the same time; more of them wait for their turn.
	slots = 4
	// mostMembers is the most rows that one group may have.  More come from a query that forgot its condition.
	mostMembers = 10000
	// mostRows is the most rows that a table may have which is read as a whole.
	mostRows = 1000000
)

var (
	// ErrUnknown is that nobody is in the group: no row has its id.
	ErrUnknown = errors.New("no such group")
	// ErrDown is that the store did not answer the question, or not in time.  The error that it is found in says why.
	ErrDown = errors.New("the store of the groups is down")
)

// A Store says who belongs to a group.  All its methods may be called by any goroutine at any time, and wait no
// longer than the context allows; they return the context's error when it ends first.  All other errors are
// ErrUnknown, ErrDown with its cause, or that what was asked for cannot be done with this store at all.
type Store interface {
	// Members is who is in the group, each extension once, by rising extension if the store has no order of its
	// own.  There is at least one, or the error is ErrUnknown.  It takes LookupTime at most.
	Members(ctx context.Context, group string) ([]Member, error)
	// Rows is everybody in every group, in rising order, each extension once in a group.
	Rows(ctx context.Context) ([]Row, error)
	// Put makes the store have these rows besides those that it has: it adds the new ones and changes the name
	// and description of the others, or does nothing at all.  Rows that are not well-formed are Faults.
	Put(ctx context.Context, rows []Row) (Changes, error)
	// Remove takes a member out of a group, or with the empty extension all of them, and says how many rows
	// that were.  None is no error.
	Remove(ctx context.Context, group, extension string) (rows int, err error)
	// Prepare makes what a store needs before it is first used and can make itself: the file of an SQLite
	// database with its table.  It asks no server.
	Prepare(ctx context.Context) error
}

// Changes is what Put did, in rows.
type Changes struct{ Added, Changed, Unchanged int }

// Options is what a store needs to know besides its URL.  The zero value is right for the article's table.
type Options struct {
	// Query replaces the SELECT of Members, for a database with another schema.  It has one parameter, the
	// group's id as text, written as the database writes it: ? for SQLite and MySQL, $1 for PostgreSQL, @p1 for
	// SQL Server.  Its columns are extension, name and description, in this order; the last two may be missing.
	// A store with a query answers Members and nothing else.
	Query string
	// List is the groups of the store "list", by their ids.
	List map[string][]Member
	// SaveList writes that list down when Put or Remove change it; its error is theirs.  nil: it cannot be changed.
	SaveList func(map[string][]Member) error
}

// Open makes the store of a URL.  It reads no more than the URL, so the only error is that URL or query are wrong;
// it never holds the URL's password.
func Open(url string, o Options) (Store, error) {
	if url == listWord {
		if o.Query != "" {
			return nil, errors.New("a list has no query")
		}
		return newList(o), nil
	}
	from, err := parseSource(url)
	if err != nil {
		return nil, err
	}
	if o.Query != "" {
		if err := from.dialect.checkQuery(o.Query); err != nil {
			return nil, err
		}
	}
	return newTable(from, o.Query), nil
}

// downError is ErrDown with its cause.
type downError struct {
	store string // its URL, without the password
	cause error
}

// Error is one line: drivers like to write several.
func (e *downError) Error() string {
	return "the groups in " + e.store + ": " + strings.Join(strings.Fields(e.cause.Error()), " ")
}

func (e *downError) Is(target error) bool { return target == ErrDown }
func (e *downError) Unwrap() error        { return e.cause }
