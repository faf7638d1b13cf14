package groups

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestList(t *testing.T) {
	members := []Member{{"202", "Boris", ""}, {" 201 ", "Anna\n", ""}, {"202", "again", ""}, {"", "Nemo", ""}}
	g := &ground{T: t, store: open(t, "list", Options{List: map[string][]Member{"100": members, "9": {{"301", "", ""}}, "7": {{"", "Nemo", ""}}}})}
	g.extensions("100", "202", "201") // as the operator wrote them
	g.extensions("9", "301")
	g.unknown("7")
	g.unknown("")
	g.unknown("100 ")
	g.holds(row("9", "301", "", ""), row("100", "201", "Anna", ""), row("100", "202", "Boris", ""))

	got, _ := g.store.Members(within(t), "100")
	got[0].Extension = "somebody else's"
	g.extensions("100", "202", "201")

	for _, edit := range []func() error{
		func() error { _, err := g.store.Put(within(t), []Row{row("1", "2", "", "")}); return err },
		func() error { _, err := g.store.Remove(within(t), "100", ""); return err },
	} {
		if err := edit(); err == nil || !strings.Contains(err.Error(), "change groups.list there") || errors.Is(err, ErrDown) {
			t.Errorf("got %v, want that a list is changed in the configuration", err)
		}
	}
	if err := g.store.Prepare(within(t)); err != nil {
		t.Error(err)
	}
	if _, err := Open("list", Options{Query: "SELECT ?"}); err == nil {
		t.Error("a list with a query")
	}
	(&ground{T: t, store: open(t, "list", Options{})}).unknown("100")
}

// TestListThatIsWrittenDown: it is changed as a database is, and is as it was when it cannot be written.
func TestListThatIsWrittenDown(t *testing.T) {
	var written map[string][]Member
	var full error
	saves := 0
	o := Options{
		List:     map[string][]Member{"100": {{"202", "Boris", ""}, {"201", "Anna", ""}}},
		SaveList: func(list map[string][]Member) error { saves, written = saves+1, list; return full },
	}
	g := &ground{T: t, store: open(t, "list", o)}
	g.puts(Changes{Added: 2, Changed: 1, Unchanged: 1},
		row("100", "203", "", ""), row("100", "202", "Boris", "deputy"), row("100", "201", "Anna", ""), row("9", "301", "", ""))
	g.extensions("100", "202", "201", "203")
	want := map[string][]Member{"100": {{"202", "Boris", "deputy"}, {"201", "Anna", ""}, {"203", "", ""}}, "9": {{"301", "", ""}}}
	if !maps.EqualFunc(written, want, slices.Equal) {
		t.Errorf("got %v\nwant %v", written, want)
	}
	g.puts(Changes{Unchanged: 1}, row("9", "301", "", ""))
	for _, c := range []struct {
		group, extension string
		want             int
	}{{"100", "202", 1}, {"100", "202", 0}, {"7", "", 0}, {"9", "301", 1}} {
		if got, err := g.store.Remove(within(t), c.group, c.extension); err != nil || got != c.want {
			t.Errorf("remove %q %q: got %d, %v, want %d", c.group, c.extension, got, err, c.want)
		}
	}
	g.unknown("9")
	if saves != 3 {
		t.Errorf("it was written %d times, want 3: what changes nothing is not written", saves)
	}
	if _, err := g.store.Put(within(t), []Row{row("100", "204", "", ""), row("100", "two words", "", "")}); err == nil {
		t.Error("a row was put that is not well-formed")
	}
	full = errors.New("no space left on device")
	if _, err := g.store.Put(within(t), []Row{row("100", "204", "", "")}); !errors.Is(err, full) {
		t.Errorf("got %v, want that it cannot be written", err)
	}
	if _, err := g.store.Remove(within(t), "100", ""); !errors.Is(err, full) {
		t.Errorf("got %v, want that it cannot be written", err)
	}
	g.extensions("100", "201", "203")
	if len(o.List["100"]) != 2 || o.List["100"][0].Description != "" {
		t.Errorf("the list that was given is changed: %v", o.List)
	}
}

func TestOrder(t *testing.T) {
	want := []string{"", "07", "7", "9", "10", "010", "99999999999999999999999", "+7", "anna", "x7"}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, compareNumbers)
	want = []string{"", "07", "7", "9", "010", "10", "99999999999999999999999", "+7", "anna", "x7"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
