// Package imagetest checks images, by which one process hands over to another: that they are plain, that they look as their version says, and that nothing which
// lives is forgotten.
package imagetest

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// Types are those of some values.
func Types(values ...any) (types []reflect.Type) {
	for _, v := range values {
		types = append(types, reflect.TypeOf(v))
	}
	return types
}

// Name is a field as the lists of Fields have it: "Call.leg". The type's parameters are left out.
func Name(typ reflect.Type, i int) string {
	of, _, _ := strings.Cut(typ.Name(), "[")
	return of + "." + typ.Field(i).Name
}

// Fields checks that each field of what lives stands in one of two lists, by its Name: of those that are carried, with the field of an image in which they
// are, and of those that are made anew, with the reason; and that nothing else stands there. Fields that are called _ are no fields.
func Fields(t testing.TB, images, live []reflect.Type, carried, anew map[string]string) {
	t.Helper()
	written, known := names(images), names(live)
	for name := range known {
		switch where, reason := carried[name], anew[name]; {
		case (where == "") == (reason == ""):
			t.Errorf("%s: say in this test where it is written down, or why it is made anew", name)
		case where != "" && !written[where]:
			t.Errorf("%s is in %s, which does not exist", name, where)
		}
	}
	for _, list := range []map[string]string{carried, anew} {
		for name := range list {
			if !known[name] {
				t.Errorf("%s does not exist", name)
			}
		}
	}
}

func names(types []reflect.Type) map[string]bool {
	all := map[string]bool{}
	for _, typ := range types {
		for i := range typ.NumField() {
			if typ.Field(i).Name != "_" {
				all[Name(typ, i)] = true
			}
		}
	}
	return all
}

// Plain checks that gob leaves nothing out of an image, and that nothing of it is alive.
func Plain(t testing.TB, typ reflect.Type) {
	t.Helper()
	walk(typ.Name(), typ, nil, func(path string, typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Func, reflect.Chan, reflect.Interface, reflect.UnsafePointer:
			t.Errorf("%s is a %s", path, typ)
		}
	}, func(path string) { t.Errorf("%s is not exported", path) })
}

// Shape checks that an image has the fields and types that a file says; with update it is written. version is where the number is that says so to other processes.
func Shape(t testing.TB, typ reflect.Type, file, version string, update bool) {
	t.Helper()
	var b strings.Builder
	walk(typ.Name(), typ, nil, func(path string, typ reflect.Type) { fmt.Fprintf(&b, "%s %s\n", path, typ) }, func(string) {})
	if update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || b.String() != string(want) {
		t.Errorf("what is handed over has changed (%v). Fields that were added or left out are no new version, and -update writes them to %s; "+
			"for one of another type or meaning %s is to be raised. It is now:\n%s", err, file, version, b.String())
	}
}

// walk visits whatever is not made of something else, and names the fields that are not exported. Values that write themselves down, as times and
// addresses do, are whole, whatever they are made of.
func walk(path string, typ reflect.Type, within []reflect.Type, visit func(path string, typ reflect.Type), hidden func(path string)) {
	inside := func(step string, typ reflect.Type) { walk(path+step, typ, within, visit, hidden) }
	switch {
	case slices.Contains(within, typ) || typ.PkgPath() == "net/netip" || typ.PkgPath() == "time":
		visit(path, typ)
	case typ.Kind() == reflect.Struct:
		within = append(within, typ)
		for i := range typ.NumField() {
			if f := typ.Field(i); f.IsExported() {
				inside("."+f.Name, f.Type)
			} else {
				hidden(path + "." + f.Name)
			}
		}
	case typ.Kind() == reflect.Pointer:
		inside("", typ.Elem())
	case typ.Kind() == reflect.Array:
		inside(fmt.Sprintf("[%d]", typ.Len()), typ.Elem())
	case typ.Kind() == reflect.Slice:
		inside("[]", typ.Elem())
	case typ.Kind() == reflect.Map:
		inside("[key]", typ.Key())
		inside("[value]", typ.Elem())
	default:
		visit(path, typ)
	}
}
