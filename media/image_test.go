package media

import (
	"flag"
	"fmt"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/sipconf/sipconf/media/handover/imagetest"
)

var update = flag.Bool("update", false, "write what the images look like")

// carried are the fields of a leg, of an engine, and of what they are made of, that are written down, and where.
var carried = map[string]string{
	"Leg.orders":      "LegImage.Orders",
	"Leg.opened":      "LegImage.Opened",
	"Leg.control":     "LegImage.Control",
	"Leg.state":       "LegImage.State",
	"Leg.mux":         "LegImage.Mux",
	"Leg.tied":        "LegImage.Tied",
	"Leg.codec":       "LegImage.Codec",
	"Leg.jitter":      "LegImage.Sound",
	"Leg.out":         "LegImage.Filling",
	"Leg.ticks":       "LegImage.Unshown",
	"Leg.undrained":   "LegImage.Undrained",
	"outbox.filled":   "LegImage.Filling",
	"outbox.packet":   "LegImage.Filling",
	"order.session":   "OrderImage.Agreed",
	"order.mux":       "OrderImage.Mux",
	"order.digit":     "OrderImage.Digit",
	"order.earlier":   "LegImage.Orders",
	"muxed.in":        "MuxedImage.In",
	"muxed.out":       "MuxedImage.Out",
	"muxed.waiting":   "MuxedImage.Out",
	"report.b":        "ReportImage.Datagram",
	"report.n":        "ReportImage.Datagram",
	"report.peer":     "ReportImage.Peer",
	"report.at":       "ReportImage.At",
	"ring.samples":    "SoundImage.Samples",
	"ring.have":       "SoundImage.Have",
	"concealer.cycle": "SoundImage.Cycle",

	"jitter.JitterState": "StateImage.Playout",
	"jitter.ring":        "SoundImage.Samples",
	"jitter.conceal":     "SoundImage.Cycle",
	"concealer.period":   "SoundImage.Cycle",
	"concealer.gain":     "SoundImage.Gain",
	"concealer.turn":     "SoundImage.Turn",

	"control.source":    "ControlImage.Source",
	"control.heardAt":   "ControlImage.HeardAt",
	"control.roundTrip": "ControlImage.RoundTrip",
	"control.peerLost":  "ControlImage.PeerLost",
	"control.ssrc":      "Sender.SSRC",
	"control.cname":     "ControlImage.CNAME",
	"control.gone":      "Latch.Gone",
	"control.mux":       "ControlImage.Mux",
	"control.agreed":    "ControlImage.Agreed",
	"control.from":      "ControlImage.From",
	"control.next":      "ControlImage.Next",
	"control.heard":     "ControlImage.Heard",
	"control.told":      "ControlImage.Told",
	"control.started":   "ControlImage.Started",

	"Engine.ports": "EngineImage.Ports",
	"Engine.loops": "EngineImage.Due",
	"Engine.past":  "EngineImage.Past",
	"ports.next":   "PortsImage.Next",
	"ports.busy":   "RestingPorts.Busy",
	"ports.ready":  "RestingPorts.Until",
	"ports.gone":   "RestingPorts.Gone",
	"ports.lent":   "LegImage.Local",
	"ports.used":   "LegImage.Local",
	"Loop.first":   "EngineImage.Due",
	"Loop.due":     "EngineImage.Due",
}

// anew are the fields that are not written down, and why.
var anew = map[string]string{
	"Leg.mutesMusic": "the configuration is that of the new process",
	"Leg.levels":     "the configuration is that of the new process",
	"Leg.jitterMax":  "the configuration is that of the new process",
	"Leg.epoch":      "the configuration is that of the new process",
	"Leg.conn":       "the socket goes as a descriptor",
	"Leg.given":      "as the hand-over has it",
	"Leg.shut":       "a leg that is shut is not saved",
	"Leg.board":      "the figures are carried, and put up again with the next copy",
	"Loop.fetching":  "of one tick",
	"Leg.frame":      "of one tick",
	"Leg.heard":      "of one tick",
	"Leg.level":      "of one tick",
	"Leg.digits":     "of one tick",
	"Leg.work":       "what is on the desk is of one tick",
	"Leg.release":    "the engine's, which sets it again",
	"Leg.mu":         "nobody holds it",
	"Leg.loop":       "who puts it into a bus attaches it again",
	"Leg.closing":    "a leg that is being closed is not saved",
	"Leg.closed":     "a leg that is closed is not saved",
	"board.mu":       "nobody holds it",
	"board.copy":     "follows from the rest, and is put up at once",
	"control.mu":     "nobody holds it",
	"control.conn":   "the socket goes as a descriptor",
	"control.closed": "a leg that is closed is not saved",
	"control.look":   "what has come is read at once",
	"muxed.local":    "where the leg is",
	"muxed.mu":       "nobody holds it",
	"outbox.full":    "follows from what was agreed",
	"outbox.frame":   "follows from the codec",
	"outbox.units":   "follows from the codec",

	"Engine.cfg":      "the configuration is that of the new process",
	"Engine.reporter": "what it knows is in the legs",
	"Engine.broken":   "the old process has logged it",
	"Engine.logging":  "goroutines of the process",
	"Engine.mu":       "nobody holds it",
	"Engine.legs":     "each is an image of its own",
	"Engine.halt":     "as the hand-over has it",
	"Engine.closed":   "an engine that is closed is not paused",
	"ports.first":     "the configuration is that of the new process",
	"ports.rest":      "the configuration is that of the new process",
	"ports.mu":        "nobody holds it",
	"Loop.number":     "its place among the others",
	"Loop.broken":     "the engine's",
	"Loop.buses":      "who owns them adds them again",
	"Loop.at":         "of one tick",
	"Loop.current":    "of one tick",
	"Loop.spare":      "memory",
	"Loop.legs":       "counts what is attached again",
	"Loop.expected":   "who owns the buses expects them again",
	"Loop.joining":    "nothing is on its way in a pause",
	"Loop.clock":      "how punctual a process is is its own",
	"Loop.work":       "of one tick",
	"Loop.crew":       "goroutines of the process",
	"Loop.hands":      "the configuration is that of the new process",
	"Loop.ended":      "a loop that has ended is not paused",
	"Loop.mu":         "nobody holds it",
	"Loop.mail":       "empty: a pause begins when it has been read, and who pauses has seen to it that nobody writes any more",
	"Loop.closed":     "a loop that has ended is not paused",
	"Loop.halt":       "as the hand-over has it",
	"Loop.post":       "a pause is on",
	"Loop.wake":       "a pause is on",
}

// Whoever gives a leg or an engine one more field decides what becomes of it when another process takes over: it is in the image, or in the list of
// those that are made anew, with the reason.
func TestEveryFieldIsCarriedOrMadeAnew(t *testing.T) {
	images := imagetest.Types(LegImage{}, SoundImage{}, OrderImage{}, ControlImage{}, MuxedImage{}, ReportImage{}, StateImage{}, Sender{}, Latch{},
		EngineImage{}, PortsImage{}, RestingPorts{})
	live := []reflect.Type{reflect.TypeFor[Leg](), reflect.TypeFor[control](), reflect.TypeFor[board](), reflect.TypeFor[jitter](),
		reflect.TypeFor[ring](), reflect.TypeFor[concealer](), reflect.TypeFor[outbox](), reflect.TypeFor[order](), reflect.TypeFor[muxed](),
		reflect.TypeFor[report](), reflect.TypeFor[Engine](), reflect.TypeFor[ports](), reflect.TypeFor[Loop]()}
	imagetest.Fields(t, images, live, carried, anew)
	for _, field := range reflect.VisibleFields(reflect.TypeFor[LegState]()) {
		if _, ok := reflect.TypeFor[StateImage]().FieldByName(field.Name); !ok {
			t.Errorf("LegState.%s is not in StateImage", field.Name)
		}
	}
}

// What goes to another process is as the file says, which has the version in its name: who changes it decides whether the version has to be raised
// (stateVersion), and runs this test with -update.
func TestImagesLookAsTheirVersionSays(t *testing.T) {
	imagetest.Shape(t, reflect.TypeFor[parcel](), filepath.Join("testdata", fmt.Sprintf("images-%d.txt", stateVersion)), "stateVersion", *update)
}

// Images are plain: nothing in them points to what is alive.
func TestImagesArePlain(t *testing.T) {
	imagetest.Plain(t, reflect.TypeFor[parcel]())
	imagetest.Plain(t, reflect.TypeFor[LegState]())
}
