package groups

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipconf/sipconf/dialout/groups/dbtest"
)

// patience is how long a test waits for what must come.  Nothing is measured by it: it ends a test that hangs.
const patience = 20 * time.Second

// A ground is a database that a test may do with what it likes, and the store on it.
type ground struct {
	*testing.T
	url   string
	store Store
}

func newGround(t *testing.T, url string) *ground {
	t.Helper()
	return &ground{t, url, open(t, url, Options{})}
}

func open(t *testing.T, url string, o Options) Store {
	t.Helper()
	store, err := Open(url, o)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// within is a context that ends a test that hangs.
func within(t testing.TB) context.Context { return contextOf(t, patience) }

// inTime is one that ends before an answer that is clearly later than it may be, on a busy machine too.
func inTime(t testing.TB) context.Context { return contextOf(t, LookupTime+7*time.Second) }

func contextOf(t testing.TB, wait time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	t.Cleanup(cancel)
	return ctx
}

// runs does in the database, past the store, what an administrator might.
func (g *ground) runs(statements ...string) {
	g.Helper()
	from, err := parseSource(g.url)
	if err != nil {
		g.Fatal(err)
	}
	db := sql.OpenDB(from.connector)
	defer db.Close()
	ctx := asking(within(g))
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			g.Fatalf("%s: %v", statement, err)
		}
	}
}

// empty makes the table anew, as docs/groups.md has it.
func (g *ground) empty() {
	g.Helper()
	scheme, _, _ := strings.Cut(g.url, "://")
	g.runs("DROP TABLE IF EXISTS conf_groups", dbtest.Table(g, scheme))
}

// extensions wants the members of a group to be these.
func (g *ground) extensions(group string, want ...string) {
	g.Helper()
	members, err := g.store.Members(within(g), group)
	if err != nil {
		g.Errorf("group %q: %v", group, err)
	}
	var got []string
	for _, m := range members {
		got = append(got, m.Extension)
	}
	if !slices.Equal(got, want) {
		g.Errorf("group %q: got %q, want %q", group, got, want)
	}
}

// unknown wants nobody to be in a group.
func (g *ground) unknown(group string) {
	g.Helper()
	if members, err := g.store.Members(within(g), group); !errors.Is(err, ErrUnknown) || errors.Is(err, ErrDown) {
		g.Errorf("group %q: got %v, %v, want that there is no such group", group, members, err)
	}
}

// down wants the store not to answer, and says why.
func (g *ground) down() error {
	g.Helper()
	members, err := g.store.Members(inTime(g), "100")
	if !errors.Is(err, ErrDown) || errors.Is(err, ErrUnknown) {
		g.Fatalf("got %v, %v, want that the store is down", members, err)
	}
	if strings.ContainsAny(err.Error(), "\n\t") {
		g.Errorf("several lines: %q", err)
	}
	return err
}

// puts wants rows to be written with these changes.
func (g *ground) puts(want Changes, rows ...Row) {
	g.Helper()
	if got, err := g.store.Put(within(g), rows); err != nil || got != want {
		g.Errorf("put: got %+v, %v, want %+v", got, err, want)
	}
}

// holds wants the store to have these rows.
func (g *ground) holds(want ...Row) {
	g.Helper()
	if got, err := g.store.Rows(within(g)); err != nil || !slices.Equal(got, want) {
		g.Errorf("rows: got %+v, %v\nwant %+v", got, err, want)
	}
}

func row(group, extension, name, description string) Row {
	return Row{group, Member{extension, name, description}}
}
