package attendant

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sipconf/sipconf/media/handover/imagetest"
	"github.com/sipconf/sipconf/rooms"
	"github.com/sipconf/sipconf/rooms/menu"
)

// carried are the fields of what an office is made of that are written down, and where.
var carried = map[string]string{
	"attendant.call":     "AttendantImage.Call",
	"attendant.p":        "AttendantImage.Call",
	"attendant.room":     "AttendantImage.Room",
	"attendant.first":    "AttendantImage.First",
	"attendant.number":   "AttendantImage.Number",
	"attendant.host":     "AttendantImage.Host",
	"attendant.lang":     "AttendantImage.Lang",
	"attendant.keys":     "AttendantImage.Keys",
	"attendant.dialled":  "AttendantImage.Dialled",
	"attendant.known":    "AttendantImage.Known",
	"attendant.convenes": "AttendantImage.Convenes",
	"attendant.typed":    "AttendantImage.Typed",
	"attendant.forgiven": "AttendantImage.Forgiven",
	"attendant.hashes":   "AttendantImage.Hashes",
	"attendant.until":    "AttendantImage.Until",
	"attendant.doing":    "AttendantImage.Doing",
	"attendant.invited":  "AttendantImage.Invited",
	"attendant.served":   "AttendantImage.Served",
	"attendant.outside":  "AttendantImage.Outside",
	"attendant.ours":     "AttendantImage.Ours",
	"attendant.away":     "AttendantImage.Away",
	"attendant.mate":     "AttendantImage.Mate",
	"State.Typed":        "AttendantImage.Typed",
	"line.now":           "AttendantImage.Call",
	"doing.task":         "DoingImage.Task",
	"doing.number":       "DoingImage.Number",
	"doing.until":        "DoingImage.Until",
	"doing.guest":        "DoingImage.Guest",
	"doing.out":          "DoingImage.Out",
	"doing.hears":        "DoingImage.Tries",
	"doing.givenUp":      "DoingImage.GivenUp",
	"hearing.of":         "DoingImage.Tries",
	"hearing.rings":      "DoingImage.Rings",
	"way.number":         "TriesImage.Number",
	"way.trunk":          "TriesImage.Trunk",
	"doing.outcome":      "DoingImage.Outcome",
	"doing.said":         "DoingImage.Said",
	"guest.call":         "AttendantImage.Call",
	"guest.number":       "AttendantImage.Dialled",
	"guest.p":            "AttendantImage.Call",
	"guest.keys":         "AttendantImage.Call",
	"farSide.call":       "FarSideImage.Call",
	"farSide.p":          "FarSideImage.Call",
	"farSide.room":       "FarSideImage.Room",
	"farSide.link":       "FarSideImage.Send",
	"farSide.script":     "FarSideImage.Script",
	"farSide.heard":      "FarSideImage.Heard",
	"farSide.spoken":     "FarSideImage.Spoken",
	"farSide.answered":   "FarSideImage.Answered",
	"farSide.until":      "FarSideImage.Until",
	"inbox.waits":        "AttendantImage.Keys",
	"Office.crier":       "Image.Comings",
	"Office.serves":      "Image.Attendants",
	"Office.expected":    "Image.Expected",
	"Office.far":         "Image.FarSides",
	"Office.wishes":      "Image.Wishes",
	"Office.brings":      "Image.Brings",
	"wish.room":          "WishImage.Room",
	"wish.action":        "WishImage.Action",
	"wished.call":        "WishImage.Call",
	"wished.at":          "WishImage.At",
	"expectation.Place":  "ExpectedImage.Room",
	"bringing.room":      "BringImage.Room",
	"bringing.caller":    "BringImage.Caller",
	"bringing.over":      "BringImage.Over",
	"bringing.call":      "BringImage.Call",
	"bringing.by":        "BringImage.By",
	"bringing.out":       "BringImage.Out",
	"bringing.ended":     "BringImage.Ended",
	"bringing.outcome":   "BringImage.Outcome",
	"crier.rooms":        "ComingsImage.Comings",
	"crier.lines":        "BulletinImage.Bulletin",
}

// anew are the fields that are not written down, and why.
var anew = map[string]string{
	"attendant.office":    "that of the new process",
	"attendant.log":       "that of the new process; says the same",
	"attendant.works":     "a goroutine of the process; nobody works while it is paused",
	"attendant.heir":      "the handler of the call that is about to take the place is begun from its top, and asks again; who takes it just now is waited for",
	"attendant.waited":    "that of the new process",
	"farSide.office":      "that of the new process",
	"farSide.press":       "follows from the link and the call",
	"farSide.log":         "that of the new process; says the same",
	"farSide.works":       "a goroutine of the process; nobody works while it is paused",
	"farSide.in":          "whose script runs is waited for, so all of them are",
	"inbox.came":          "who takes looks first",
	"inbox.mu":            "nobody holds it",
	"inbox.most":          "never changes",
	"Office.cfg":          "the configuration is that of the new process",
	"Office.wg":           "goroutines of the process",
	"Office.panics":       "what has happened to the old program says nothing of the new one",
	"Office.still":        "as the hand-over has it",
	"Office.atOnce":       "never changes",
	"Office.prompt":       "never changes",
	"Office.mu":           "nobody holds it",
	"Office.told":         "made of the prompts of the new process when it is needed; what somebody has been given is the room's",
	"Office.waits":        "as the hand-over has it",
	"Office.closed":       "an office that is closed hands nothing over",
	"Office.asides":       "nobody holds it",
	"expectation.over":    "who waits for it is begun from its top",
	"bringing.giveUp":     "there is a new one",
	"crier.works":         "a goroutine of the process",
	"crier.say":           "that of the new process",
	"crier.sayLine":       "that of the new process",
	"crier.broken":        "that of the new process",
	"crier.wake":          "it looks when the pause is over",
	"crier.stop":          "an office that is closed hands nothing over",
	"crier.once":          "an office that is closed hands nothing over",
	"crier.done":          "goroutines of the process",
	"crier.mu":            "nobody holds it",
	"bringing.watch":      "who waits for it says so again",
	"bringing.awaited":    "who waits for it says so again",
	"bringing.done":       "there is a new one",
	"dialOut.office":      "that of the new process",
	"dialOut.news":        "all is taken in a pause; what the dialler knows it tells again when it goes on",
	"dialOut.ends":        "a goroutine of the process; nobody works while it is paused",
	"news.works":          "as dialOut.news",
	"news.change":         "as dialOut.news",
	"news.result":         "as dialOut.news",
	"Succession.of":       "see attendant.heir",
	"Succession.decided":  "see attendant.heir",
	"Succession.released": "see attendant.heir",
	"Succession.moved":    "see attendant.heir",
	"Succession.free":     "see attendant.heir",
	"logbook.now":         "that of the new process; says the same",
	"lifetime.Context":    "says nothing that is still true of a call that has been handed over",
	"lifetime.call":       "that of the attendant",
}

// Whoever gives an attendant, or what else lives in an office, one more field decides what becomes of it when another process takes over: it is in the
// image, or in the list of those that are made anew, with the reason.
func TestEveryFieldIsCarriedOrMadeAnew(t *testing.T) {
	images := imagetest.Types(Image{}, AttendantImage{}, DoingImage{}, TriesImage{}, FarSideImage{}, HeardImage{}, WishImage{}, ExpectedImage{}, BringImage{},
		ComingsImage{}, BulletinImage{})
	live := imagetest.Types(attendant{}, guest{}, doing{}, farSide{}, Office{}, crier{}, inbox[byte]{}, wish{}, wished{}, expectation{}, bringing{},
		hearing{}, way{}, dialOut{}, news{}, Succession{}, line{}, logbook{}, lifetime{}, menu.State{})
	imagetest.Fields(t, images, live, carried, anew)
}

// filling gives every field of an image a value of its own.
type filling struct{ n int64 }

func (f *filling) fill(v reflect.Value) {
	f.n++
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Unix(f.n, 0).UTC()))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			f.fill(v.Field(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		f.fill(v.Index(0))
	case reflect.String:
		v.SetString(fmt.Sprint("text ", f.n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(f.n)
	case reflect.Uint8, reflect.Uint64:
		v.SetUint(uint64(f.n%7 + 1))
	default:
		panic(fmt.Sprint("how is a ", v.Type(), " filled?"))
	}
}

// Whatever is in an image is in that of the next upgrade, which is at once: nothing is forgotten on the way in, and nothing on the way out.
func TestWhatIsRestoredIsSavedAgain(t *testing.T) {
	im, f := new(Image), new(filling)
	f.fill(reflect.ValueOf(im).Elem())
	im.Attendants = append(im.Attendants, AttendantImage{})
	f.fill(reflect.ValueOf(&im.Attendants[1]).Elem())
	a, b := &im.Attendants[0], &im.Attendants[1] // have to do with each other
	a.Call, b.Call = "call a", "call b"
	a.Mate, a.Invited, a.Doing.Guest = b.Call, b.Call, b.Call
	b.Mate, b.Invited, b.Doing.Guest = a.Call, a.Call, a.Call
	im.Wishes[0].Action = "lock"
	im.Expected[0].Call = "is answered"
	o := New(Config{})
	defer o.Close()
	o.Restore(sent(t, im), func(id string) Call { return &call{id: id, over: make(chan struct{})} }, func(string) *rooms.Participant { return new(rooms.Participant) })
	if got := o.Save(); !reflect.DeepEqual(got, im) {
		t.Errorf("the image is\n%+v, it was\n%+v", got, im)
	}
	o.mu.Lock()
	o.waits = nil // nobody of them is real
	o.mu.Unlock()
}

// Whose call is not there any more has hung up meanwhile: those who had to do with him go on without him.
func TestWhoHasHungUpMeanwhileIsNotRestored(t *testing.T) {
	o := New(Config{})
	defer o.Close()
	alive := func(id string) Call {
		if strings.HasPrefix(id, "gone") {
			return nil
		}
		return &call{id: id, over: make(chan struct{})}
	}
	o.Restore(&Image{
		Attendants: []AttendantImage{{Call: "a", Mate: "gone 1", Invited: "gone 1"}, {Call: "b", Doing: DoingImage{Task: string(asking), Guest: "gone 1"}},
			{Call: "gone 1", Mate: "a"}, {Call: "gone 2", Doing: DoingImage{Task: string(asking), Guest: "guest"}}, {Call: "guest", Dialled: "103", Outside: true}},
		FarSides: []FarSideImage{{Call: "gone 3"}},
	}, alive, func(string) *rooms.Participant { return new(rooms.Participant) })
	if a := o.serves["a"]; a.mate != nil || a.invited != nil || len(o.serves) != 3 || len(o.far) != 0 {
		t.Errorf("restored %+v", o.serves)
	}
	guest := o.serves["guest"].call
	o.Resume()
	<-guest.Done()
	if guest.Reason() != "the inviter has left" || len(o.serves) != 2 {
		t.Errorf("the guest of somebody who is not there: %q, %+v", guest.Reason(), o.serves)
	}
}
