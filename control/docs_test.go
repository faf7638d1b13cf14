package control

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

// TestDocs: docs/operations.md has every name that scripts may read.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, promised, ok := strings.Cut(string(text), "### For scripts")
	if !ok {
		t.Fatal("docs/operations.md has no chapter for scripts")
	}
	for _, answer := range []any{Status{}, Trunk{}, RoomList{}, Room{}, Participant{}, LinkList{}, Link{}, Done{}, Upgraded{}, Draining{}} {
		for _, field := range reflect.VisibleFields(reflect.TypeOf(answer)) {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if name == "" || !strings.Contains(promised, "`"+name+"`") {
				t.Errorf("%T.%s: %q is not in docs/operations.md", answer, field.Name, name)
			}
		}
	}
}
