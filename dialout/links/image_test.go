package links

import (
	"fmt"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/media/handover/imagetest"
)

// carried are the fields of links, and of what they are made of, that are written down, and where.
var carried = map[string]string{
	"Links.keepers": "Image.Links",
	"Links.panics":  "Image.Panics",

	"keeper.link":    "LinkImage.Number",
	"keeper.status":  "LinkImage.State",
	"keeper.room":    "LinkImage.Conference",
	"keeper.waits":   "LinkImage.Step",
	"keeper.met":     "LinkImage.Met",
	"keeper.ending":  "LinkImage.Ending",
	"keeper.invite":  "LinkImage.Invite",
	"keeper.crossed": "LinkImage.Crossed",
	"ladder.step":    "LinkImage.Step",
	"line.free":      "LinkImage.State",

	"end.cause":      "EndImage.Cause",
	"end.up":         "EndImage.Up",
	"end.deliberate": "EndImage.Deliberate",
	"end.yielded":    "EndImage.Yielded",
	"end.crossed":    "EndImage.Crossed",

	"Status.Room":      "LinkImage.Room",
	"Status.Number":    "LinkImage.Number",
	"Status.State":     "LinkImage.State",
	"Status.Since":     "LinkImage.Since",
	"Status.Until":     "LinkImage.Until",
	"Status.Cause":     "LinkImage.Cause",
	"Status.Call":      "LinkImage.Call",
	"Status.Attempts":  "LinkImage.Attempts",
	"Status.Connected": "LinkImage.Connected",
	"Status.Lost":      "LinkImage.Lost",
}

// anew are the fields that are not written down, and why.
var anew = map[string]string{
	"Links.cfg":     "the configuration is that of the new process",
	"Links.inRoom":  "the configuration is that of the new process",
	"Links.stop":    "goroutines of the process",
	"Links.closing": "goroutines of the process",
	"Links.running": "goroutines of the process",
	"Links.mu":      "nobody holds it",
	"Links.needs":   "whoever knows the rooms says again in which there are people",
	"Links.resumed": "a pause is on",
	"Links.quiet":   "a pause is on",
	"Links.left":    "none: it has gone on",

	"need.room":  "as Links.needs",
	"need.ctx":   "as Links.needs",
	"need.leave": "as Links.needs",

	"keeper.links":  "the new process's",
	"keeper.script": "the configuration is that of the new process",
	"keeper.key":    "the configuration is that of the new process",
	"keeper.line":   "the configuration is that of the new process",
	"keeper.wake":   "a keeper looks when it goes on",
	"keeper.log":    "the process's",
	"keeper.giveUp": "of the process: who continues the INVITE; one that waits to be dialled does so anew",
	"keeper.moves":  "none does",
	"keeper.before": "none: it has gone on",

	"former.state":  "the image",
	"former.since":  "the image",
	"former.until":  "the image",
	"former.call":   "the image",
	"former.invite": "the image",

	"line.mu":      "nobody holds it",
	"line.waiting": "who waits for a line does so anew",

	"Status.Trunk": "the configuration is that of the new process",
	"Status.Line":  "the configuration is that of the new process",
}

// Whoever gives links one more field decides what becomes of it when another process takes over: it is in the image, or in the list of
// those that are made anew, with the reason.
func TestEveryFieldIsCarriedOrMadeAnew(t *testing.T) {
	imagetest.Fields(t, imagetest.Types(Image{}, LinkImage{}, EndImage{}), []reflect.Type{reflect.TypeFor[Links](), reflect.TypeFor[keeper](), reflect.TypeFor[line](), reflect.TypeFor[need](),
		reflect.TypeFor[ladder](), reflect.TypeFor[end](), reflect.TypeFor[former](), reflect.TypeFor[Status]()}, carried, anew)
}

// fill gives all that an image is made of a value of its own.
func fill(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.Struct:
		if at, ok := v.Addr().Interface().(*time.Time); ok {
			*at = time.Unix(int64(*n), 0)
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), len(stateNames), len(stateNames)))
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case reflect.String:
		v.SetString(fmt.Sprintf("8%03d", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Uint8, reflect.Uint64:
		v.SetUint(uint64(*n))
	default:
		panic("an image has a " + v.Kind().String())
	}
}

// Whatever is in an image is in the next one as well, written down by the process that was made of it: a link in each state.
func TestImagesSurviveAProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n int
		im := new(Image)
		fill(reflect.ValueOf(im).Elem(), &n)
		cfg := Config{}
		for i := range im.Links {
			im.Links[i].State = State(i)
			cfg.Links = append(cfg.Links, Link{Room: im.Links[i].Room, Number: im.Links[i].Number})
		}
		f, _, end := world(t, cfg)
		defer end()
		f.links.Close()
		for i := range im.Links {
			f.theirs[im.Links[i].Met] = &theirs{im.Links[i].Met, make(chan struct{})}
		}
		f.opens(new(dialout.Saved), im)
		if got := f.links.Save(); !reflect.DeepEqual(got, im) {
			t.Errorf("the links are\n%+v\nand were\n%+v", got, im)
		}
	})
}
