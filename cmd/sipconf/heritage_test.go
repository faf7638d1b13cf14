package main

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// What goes to the next process is as the file says, which has the version in its name: who changes it decides whether the version has to be raised
// (heritageVersion), and runs this test with -update.
func TestTheHeritageLooksAsItsVersionSays(t *testing.T) {
	var b strings.Builder
	describe(&b, "heritage", reflect.TypeFor[heritage](), nil)
	file := filepath.Join("testdata", fmt.Sprintf("heritage-%d.txt", heritageVersion))
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || b.String() != string(want) {
		t.Errorf("what is handed over has changed (%v). Fields that were added or left out are no new version, and -update writes them to %s; "+
			"for one of another type or meaning heritageVersion is to be raised. It is now:\n%s", err, file, b.String())
	}
}

// describe writes the fields down, with their types.
func describe(b *strings.Builder, path string, typ reflect.Type, within []reflect.Type) {
	for _, outer := range within {
		if outer == typ {
			fmt.Fprintf(b, "%s again\n", path)
			return
		}
	}
	switch {
	case typ.PkgPath() == "net/netip" || typ.PkgPath() == "time":
	case typ.Kind() == reflect.Struct:
		for i := range typ.NumField() {
			describe(b, path+"."+typ.Field(i).Name, typ.Field(i).Type, append(within, typ))
		}
		return
	case typ.Kind() == reflect.Pointer:
		describe(b, path, typ.Elem(), within)
		return
	case typ.Kind() == reflect.Slice || typ.Kind() == reflect.Array:
		if elem := typ.Elem(); elem.Kind() == reflect.Struct || elem.Kind() == reflect.Pointer {
			describe(b, path+"[]", elem, within)
			return
		}
	case typ.Kind() == reflect.Map:
		describe(b, path+"[key]", typ.Key(), within)
		describe(b, path+"[]", typ.Elem(), within)
		return
	}
	fmt.Fprintf(b, "%s %s\n", path, typ)
}

// It is plain: nothing in it points to what is alive, and gob leaves nothing of it out.
func TestTheHeritageIsPlain(t *testing.T) { plain(t, "heritage", reflect.TypeFor[heritage](), nil) }

func plain(t *testing.T, path string, typ reflect.Type, within []reflect.Type) {
	for _, outer := range within {
		if outer == typ {
			return
		}
	}
	if typ.PkgPath() == "net/netip" || typ.PkgPath() == "time" {
		return // values with text marshalling, whatever they are made of
	}
	switch typ.Kind() {
	case reflect.Struct:
		for i := range typ.NumField() {
			f := typ.Field(i)
			if !f.IsExported() {
				t.Errorf("%s.%s is not exported", path, f.Name)
			}
			plain(t, path+"."+f.Name, f.Type, append(within, typ))
		}
	case reflect.Array, reflect.Slice, reflect.Pointer:
		plain(t, path+"[]", typ.Elem(), within)
	case reflect.Map:
		plain(t, path+"[key]", typ.Key(), within)
		plain(t, path+"[]", typ.Elem(), within)
	case reflect.Func, reflect.Chan, reflect.Interface, reflect.UnsafePointer:
		t.Errorf("%s is a %s", path, typ)
	}
}
