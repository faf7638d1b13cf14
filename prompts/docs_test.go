package prompts

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of docs/prompts.md")

// TestDocsListThePrompts holds the page by which operators name their files to the table of texts.
func TestDocsListThePrompts(t *testing.T) {
	const page, begin, end = "../docs/prompts.md", "<!-- prompts -->\n", "<!-- end -->"
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(b), begin)
	listed, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no table between %s and %s", page, begin, end)
	}
	var table strings.Builder
	table.WriteString("| file | English | Russian |\n|---|---|---|\n")
	for _, row := range texts {
		fmt.Fprintf(&table, "| `%s.wav` | %s | %s |\n", row.name, row.en, row.ru)
	}
	if listed == table.String() {
		return
	}
	if !*update {
		t.Fatalf("%s lists others than there are: go test ./prompts -run TestDocs -update", page)
	}
	if err := os.WriteFile(page, []byte(before+begin+table.String()+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
