package groups

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// testStore is what every database must do, whatever its dialect.
func testStore(t *testing.T, url string) {
	g := newGround(t, url)
	for _, c := range []struct {
		name string
		test func(*ground)
	}{
		{"changes are seen at once", testChanges},
		{"all or nothing", testAllOrNothing},
		{"the article's table", testArticle},
		{"names of all tongues", testTongues},
		{"injection", testInjection},
		{"a query of the operator's", testQuery},
		{"no table", testNoTable},
		{"64 readers", testReaders},
		{"8 editors", testEditors},
		{"whoever asked goes away", testCancelled},
		{"export and import", testRoundTrip},
	} {
		t.Run(c.name, func(t *testing.T) {
			here := &ground{t, g.url, g.store}
			here.empty()
			c.test(here)
		})
	}
}

func testChanges(g *ground) {
	g.unknown("100")
	g.puts(Changes{Added: 3}, row("100", "202", "Boris", ""), row("100", "201", "Anna", "director"), row("99", "9", "", ""))
	g.extensions("100", "201", "202")
	g.extensions("99", "9")
	g.runs("INSERT INTO conf_groups (groupid, extension, name, description) VALUES ('100', '1000', 'Clara', '')")
	g.extensions("100", "201", "202", "1000")
	g.puts(Changes{Added: 1, Changed: 1, Unchanged: 1},
		row("100", "201", "Anna", "director"), row("100", "202", "Boris", "deputy"), row("100", "203", "", ""))
	g.holds(row("99", "9", "", ""), row("100", "201", "Anna", "director"), row("100", "202", "Boris", "deputy"),
		row("100", "203", "", ""), row("100", "1000", "Clara", ""))
	g.puts(Changes{Unchanged: 1}, row("100", "202", "Boris", "deputy"))

	for _, c := range []struct {
		group, extension string
		want             int
	}{{"100", "202", 1}, {"100", "202", 0}, {"99", "", 1}, {"99", "", 0}, {"98", "1", 0}} {
		if got, err := g.store.Remove(within(g), c.group, c.extension); err != nil || got != c.want {
			g.Errorf("remove %q %q: got %d, %v, want %d", c.group, c.extension, got, err, c.want)
		}
	}
	g.extensions("100", "201", "203", "1000")
	g.unknown("99")
}

func testAllOrNothing(g *ground) {
	g.puts(Changes{Added: 1}, row("100", "201", "Anna", ""))
	for _, wrong := range []Row{row("100", "", "", ""), row("1 00", "203", "", ""), row("100", "203", "two\nlines", ""), row("100", "202", "Boris", "")} {
		_, err := g.store.Put(within(g), []Row{row("100", "202", "Boris", ""), wrong})
		var faults Faults
		if !errors.As(err, &faults) || len(faults) != 1 {
			g.Errorf("%+v: got %v, want one fault", wrong, err)
		}
	}
	g.holds(row("100", "201", "Anna", ""))

	// A row that the database refuses, after others that it has taken.
	g.runs("DROP TABLE conf_groups", "CREATE TABLE conf_groups (groupid VARCHAR(64), extension VARCHAR(64), name VARCHAR(250) NOT NULL, "+
		"description VARCHAR(250), CHECK (extension <> '203'))")
	g.puts(Changes{Added: 1}, row("100", "201", "Anna", ""))
	_, err := g.store.Put(within(g), []Row{row("100", "201", "Anja", ""), row("100", "202", "", ""), row("100", "203", "", "")})
	if !errors.Is(err, ErrDown) || !strings.Contains(err.Error(), "adding 203 to group 100") {
		g.Errorf("got %v, want that 203 cannot be added", err)
	}
	g.holds(row("100", "201", "Anna", ""))
}

// testArticle: a table as it may be there already: numbers that are numbers, columns of fixed width, no key, columns
// more than ours, rows that are there twice, and nothing where a name should be.
func testArticle(g *ground) {
	g.runs("DROP TABLE conf_groups",
		"CREATE TABLE conf_groups (id INTEGER, extension CHAR(12), groupid INTEGER, floor INTEGER, description CHAR(20), name CHAR(30))",
		"INSERT INTO conf_groups VALUES (1, '201', 100, 3, 'director', 'Anna'), (2, '202  ', 100, 3, NULL, NULL), "+
			"(3, '201', 100, 4, 'again', 'Anna'), (4, ' 99', 100, 3, '', ''), (5, NULL, 100, 3, 'no number', 'Nemo'), "+
			"(6, '', 101, 3, 'no number', 'Nemo'), (7, '301', 7, 1, '', 'Two  words  ')")
	members, err := g.store.Members(within(g), "100")
	if err != nil || len(members) != 3 || members[1].Name == "" {
		g.Errorf("got %+v, %v, want three members with Anna", members, err)
	}
	g.extensions("100", "99", "201", "202")
	g.extensions("7", "301")
	g.unknown("101")
	g.unknown("0100") // a group's id is a text, not a number
	g.unknown("7 ")
	g.puts(Changes{Added: 1, Changed: 1, Unchanged: 1},
		row("100", "202", "Boris", "deputy"), row("7", "301", "Two  words", ""), row("7", "302", "Clara", ""))
	g.extensions("7", "301", "302")
	members, err = g.store.Members(within(g), "100")
	if want := (Member{"202", "Boris", "deputy"}); err != nil || members[2] != want {
		g.Errorf("got %+v, %v, want %+v", members, err, want)
	}
	if n, err := g.store.Remove(within(g), "100", "201"); err != nil || n != 2 {
		g.Errorf("removed %d rows, %v, want both of 201", n, err)
	}
	g.extensions("100", "99", "202")
}

func testTongues(g *ground) {
	rows := []Row{
		row("100", "201", "Анна Петрова", "генеральный директор"), row("100", "202", "Žofie Čapková", "ředitelka"),
		row("100", "203", "山田太郎", "社長"), row("100", "204", "O'Neill; \"Bob\", jr.", `C:\dir`), row("100", "205", "👩‍💼", "''); DROP TABLE conf_groups; --"),
	}
	g.puts(Changes{Added: 5}, rows...)
	g.holds(rows...)
	g.puts(Changes{Unchanged: 5}, rows...)
}

func testInjection(g *ground) {
	g.puts(Changes{Added: 3}, row("100", "201", "Anna", ""), row("200", "301", "Boris", ""), row("anna", "1", "", ""))
	for _, id := range []string{
		"100 OR 1=1", "100' OR '1'='1", "100'; DROP TABLE conf_groups; --", `100\' OR 1=1 -- `, "100\" OR \"\"=\"", "100; DELETE FROM conf_groups",
		"0x313030", "1e2", "100x", "100/**/", "%", "_00", "*", "", " ", "$1", "?", "@p1", "100\x00", "100\xff", "100\n", "１００", "ANNA", "änna", strings.Repeat("9", 5000),
	} {
		g.unknown(id)
		if n, err := g.store.Remove(within(g), id, ""); err == nil && n != 0 {
			g.Errorf("removed %d rows as %q", n, id)
		}
	}
	g.holds(row("100", "201", "Anna", ""), row("200", "301", "Boris", ""), row("anna", "1", "", ""))
}

func testQuery(g *ground) {
	g.runs("DROP TABLE IF EXISTS phones",
		"CREATE TABLE phones (team INTEGER, num INTEGER, who VARCHAR(40), pos INTEGER)",
		"INSERT INTO phones VALUES (100, 202, 'Boris', 1), (100, 201, 'Anna', 2), (5, 301, NULL, 1)")
	d := findDialect(strings.Split(g.url, "://")[0])
	ask := func(query string) *ground {
		return &ground{g.T, g.url, open(g.T, g.url, Options{Query: query})}
	}
	texts := "CAST(team AS CHAR(20)) = " + d.first()
	if d != mysqlDialect {
		texts = "CAST(team AS VARCHAR(20)) = " + d.first()
	}
	own := ask("SELECT num, who FROM phones WHERE " + texts + " ORDER BY pos;")
	own.extensions("100", "202", "201") // in the order of the query
	own.extensions("5", "301")
	own.unknown("6")
	own.unknown("100 OR 1=1")
	if members, err := own.store.Members(within(g), "100"); err != nil || members[0] != (Member{Extension: "202", Name: "Boris"}) {
		g.Errorf("got %+v, %v, want Boris first", members, err)
	}
	ask("SELECT num FROM phones WHERE team = "+d.first()).extensions("5", "301") // its type is for the operator to know
	for query, words := range map[string]string{
		"SELECT num, who, pos, team FROM phones WHERE team = " + d.first(): "the query has 4 columns",
		"SELECT nun FROM phones WHERE team = " + d.first():                 "nun",
	} {
		if err := ask(query).down(); !strings.Contains(err.Error(), words) {
			g.Errorf("%s: got %v, want %q", query, err, words)
		}
	}
	if _, err := own.store.Rows(within(g)); err == nil || errors.Is(err, ErrDown) {
		g.Errorf("all rows of a query: got %v, want that this cannot be done", err)
	}
	if _, err := own.store.Put(within(g), []Row{row("1", "2", "", "")}); err == nil {
		g.Error("a row was put into a query")
	}
	if _, err := own.store.Remove(within(g), "100", ""); err == nil {
		g.Error("a group was removed from a query")
	}
	if err := own.store.Prepare(within(g)); err != nil {
		g.Error(err)
	}
}

func testNoTable(g *ground) {
	g.runs("DROP TABLE conf_groups")
	if strings.HasPrefix(g.url, "sqlite") {
		g.unknown("100") // it is made
		return
	}
	if err := g.down(); !strings.Contains(err.Error(), "docs/groups.md has the statement") {
		g.Errorf("got %v, want where to find the statement", err)
	}
}

func testReaders(g *ground) {
	var rows []Row
	for i := range 20 {
		rows = append(rows, row("100", fmt.Sprint(200+i), "", ""))
	}
	g.puts(Changes{Added: 20}, rows...)
	var readers sync.WaitGroup
	for range 64 {
		readers.Go(func() {
			for range 3 {
				members, err := g.store.Members(within(g), "100")
				if err != nil || len(members) != 20 {
					g.Errorf("got %d members, %v, want 20", len(members), err)
				}
			}
		})
	}
	readers.Wait()
}

// testEditors: those who edit at the same time wait for each other, and lose nothing.
func testEditors(g *ground) {
	var editors sync.WaitGroup
	for i := range 8 {
		editors.Go(func() {
			for j := range 3 {
				g.puts(Changes{Added: 1}, row(fmt.Sprint(i), fmt.Sprint(j), "", ""))
				g.puts(Changes{Changed: 1}, row(fmt.Sprint(i), fmt.Sprint(j), "Anna", ""))
			}
		})
	}
	editors.Wait()
	if rows, err := g.store.Rows(within(g)); err != nil || len(rows) != 24 {
		g.Errorf("%d rows, %v, want 24", len(rows), err)
	}
}

func testCancelled(g *ground) {
	g.puts(Changes{Added: 1}, row("100", "201", "", ""))
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := g.store.Members(gone, "100"); !errors.Is(err, context.Canceled) || errors.Is(err, ErrDown) {
		g.Errorf("got %v, want that whoever asked is gone", err)
	}
	g.extensions("100", "201")
}

// testRoundTrip: whatever is in a store, what is exported can be imported into an empty one and makes it the same,
// and once more changes nothing.  SQLite gets many tries, the servers, whose logins take their time, a few.
func testRoundTrip(g *ground) {
	some := rapid.SliceOfNDistinct(anyRow, 0, 8, func(r Row) string { return r.Group + " " + r.Extension })
	if strings.HasPrefix(g.url, "sqlite") {
		rapid.Check(g.T, func(t *rapid.T) { g.goesRound(t, some.Draw(t, "rows")) })
		return
	}
	for seed := range 8 {
		g.goesRound(g, some.Example(seed))
	}
}

func (g *ground) goesRound(t fataler, rows []Row) {
	t.Helper()
	g.runs("DELETE FROM conf_groups")
	if _, err := g.store.Put(within(g), rows); err != nil {
		t.Fatalf("%+v: %v", rows, err)
	}
	before, err := g.store.Rows(within(g))
	if err != nil || len(before) != len(rows) {
		t.Fatalf("%d rows, %v, want %d", len(before), err, len(rows))
	}
	again := throughCSV(t, before)
	if changes, err := g.store.Put(within(g), again); err != nil || changes != (Changes{Unchanged: len(rows)}) {
		t.Fatalf("imported again: %+v, %v", changes, err)
	}
	g.runs("DELETE FROM conf_groups")
	if changes, err := g.store.Put(within(g), again); err != nil || changes != (Changes{Added: len(rows)}) {
		t.Fatalf("imported into an empty store: %+v, %v", changes, err)
	}
	if after, err := g.store.Rows(within(g)); err != nil || !slices.Equal(after, before) {
		t.Fatalf("got %+v, %v\nwant %+v", after, err, before)
	}
}
