package sipconf

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/sipconf/sipconf/"

// TestImportsAreAsDrawn holds the tree to the table of docs/architecture.md:
// an edge that is not in it is a change of the architecture, to be made there
// first, with its reason.
func TestImportsAreAsDrawn(t *testing.T) {
	drawn := drawnImports(t)
	out, err := exec.Command("go", "list", "-pgo=off", "-f", "{{.ImportPath}} {{join .Imports \" \"}}", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		name := strings.TrimPrefix(fields[0], module)
		if name+"/" == module {
			continue // this test alone
		}
		seen[name] = true
		allowed, ok := drawn[name]
		if !ok {
			t.Errorf("package %s is not in the table of docs/architecture.md", name)
			continue
		}
		for _, imported := range fields[1:] {
			if edge, outside := edgeTo(imported); outside && !slices.Contains(allowed, edge) {
				t.Errorf("%s imports %s, which docs/architecture.md does not draw", name, edge)
			}
		}
	}
	for name := range drawn {
		if !seen[name] {
			t.Errorf("docs/architecture.md draws a package %s that does not exist", name)
		}
	}
}

// edgeTo names an import as the table does: ours by its folder, others by
// their module; the standard library is not drawn.
func edgeTo(imported string) (edge string, drawn bool) {
	if own, ok := strings.CutPrefix(imported, module); ok {
		return own, true
	}
	host, rest, _ := strings.Cut(imported, "/")
	if !strings.Contains(host, ".") {
		return "", false
	}
	if host == "github.com" || host == "golang.org" {
		parts := strings.Split(rest, "/")
		return host + "/" + strings.Join(parts[:2], "/"), true
	}
	return imported, true
}

// drawnImports reads the table between the markers: | package | imports |.
func drawnImports(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(text), "<!-- imports -->")
	table, _, ok2 := strings.Cut(table, "<!-- end -->")
	if !ok || !ok2 {
		t.Fatal("docs/architecture.md has no import table between <!-- imports --> and <!-- end -->")
	}
	drawn := map[string][]string{}
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.ReplaceAll(line, "`", ""), "|")
		if len(cells) < 4 || strings.Contains(cells[1], "---") || strings.TrimSpace(cells[1]) == "package" {
			continue
		}
		drawn[strings.TrimSpace(cells[1])] = strings.FieldsFunc(cells[2], func(r rune) bool { return r == ',' || r == ' ' })
	}
	if len(drawn) < 8 {
		t.Fatalf("the import table has only %d rows", len(drawn))
	}
	return drawn
}
