package main

import (
	"fmt"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/sipconf/sipconf/media/handover/imagetest"
)

// What goes to the next process, of all packages but media, is as the file says, which has the version in its name: who changes it decides whether the version has
// to be raised (heritageVersion), and runs this test with -update.
func TestTheHeritageLooksAsItsVersionSays(t *testing.T) {
	file := filepath.Join("testdata", fmt.Sprintf("heritage-%d.txt", heritageVersion))
	imagetest.Shape(t, reflect.TypeFor[heritage](), file, "heritageVersion", *update)
}

// It is plain: nothing in it points to what is alive, and gob leaves nothing of it out.
func TestTheHeritageIsPlain(t *testing.T) { imagetest.Plain(t, reflect.TypeFor[heritage]()) }
