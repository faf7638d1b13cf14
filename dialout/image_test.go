package dialout

import (
	"fmt"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipconf/sipconf/media/handover/imagetest"
)

// carried are the fields of a dialler, of its groups, and of what they are made of, that are written down, and where.
var carried = map[string]string{
	"Dialer.trunks":   "Saved.Trunks",
	"Dialer.instance": "Saved.Instance",
	"Dialer.panics":   "Saved.Panics",
	"Dialer.claims":   "Lease.Keys",
	"Dialer.holdings": "Saved.Leases",
	"Dialer.dials":    "Saved.Dials",
	"Dialer.usage":    "Saved.Usage",
	"Dialer.outcomes": "Saved.Outcomes",

	"dial.Request":    "DialImage.Request",
	"dial.wanted":     "DialImage.GivenUp",
	"dial.giveUp":     "DialImage.GivenUp",
	"dial.lease":      "DialImage.Keys",
	"dial.counted":    "DialImage.Counted",
	"dial.spent":      "DialImage.Spent",
	"dial.out":        "DialImage.ID",
	"dial.order":      "Saved.Dials",
	"dial.calling":    "DialImage.State",
	"dial.asked":      "DialImage.Asked",
	"dial.ways":       "DialImage.Untried",
	"dial.ahead":      "DialImage.Ahead",
	"dial.tried":      "DialImage.Tried",
	"dial.redirected": "DialImage.Redirected",
	"dial.began":      "DialImage.Began",
	"dial.deadline":   "DialImage.Deadline",

	"attempt.way":    "DialImage.Trunk",
	"attempt.number": "DialImage.Number",
	"attempt.wanted": "DialImage.GivenUp",
	"attempt.id":     "DialImage.ID",
	"attempt.state":  "DialImage.State",
	"attempt.heard":  "DialImage.Heard",
	"attempt.rang":   "DialImage.Rang",
	"attempt.limit":  "DialImage.Limit",
	"attempt.until":  "DialImage.Until",
	"attempt.call":   "DialImage.Call",
	"attempt.err":    "DialImage.Failure",

	"Failure.Class":      "FailureImage.Class",
	"Failure.Code":       "FailureImage.Code",
	"Failure.RetryAfter": "FailureImage.RetryAfter",
	"Failure.Targets":    "FailureImage.Targets",
	"Failure.Err":        "FailureImage.Err",

	"holding.call":  "LeaseImage.Call",
	"holding.lease": "LeaseImage.Lease",

	"trunk.Trunk":     "TrunkImage.Name",
	"trunk.pace":      "TrunkImage.Next",
	"trunk.up":        "TrunkImage.Up",
	"trunk.since":     "TrunkImage.Since",
	"trunk.rests":     "TrunkImage.Rests",
	"trunk.calls":     "Lease.Trunk",
	"trunk.attempts":  "TrunkImage.Attempts",
	"trunk.answered":  "TrunkImage.Answered",
	"trunk.failovers": "TrunkImage.Failovers",
	"trunk.lastError": "TrunkImage.LastError",
	"pace.next":       "TrunkImage.Next",

	"Groups.calls":   "GroupsImage.Calls",
	"Groups.presses": "GroupsImage.Presses",
	"Groups.sought":  "GroupsImage.Searches",

	"groupCall.room":    "GroupState.Room",
	"groupCall.group":   "GroupState.Group",
	"groupCall.members": "GroupState.Members",
	"member.ways":       "MemberState.Member",
	"member.keys":       "MemberState.Member",
	"member.state":      "GroupState.Members",
	"member.stop":       "SearchImage.Member",
	"press.room":        "PressImage.Room",
	"press.number":      "PressImage.Caller",
	"press.call":        "PressImage.Caller",
	"press.wanted":      "SearchImage.GivenUp",
	"press.left":        "SearchImage.Press",

	"search.call":   "SearchImage.Call",
	"search.member": "SearchImage.Member",
	"search.press":  "SearchImage.Press",
	"search.order":  "GroupsImage.Searches",
	"search.wanted": "SearchImage.GivenUp",
	"search.left":   "SearchImage.Left",
	"search.out":    "SearchImage.Called",
	"search.guest":  "SearchImage.Guest",
	"tally.ways":    "SearchImage.Called",
	"tally.far":     "CalledImage.ID",
	"tally.gone":    "SearchImage.Called",
	"tally.next":    "SearchImage.Next",
	"way.number":    "WayImage.Number",
	"way.policy":    "WayImage.Policy",

	"Result.Call":   "SearchImage.Guest",
	"Result.Number": "SearchImage.Number",
	"Result.Trunk":  "SearchImage.Trunk",
	"Result.Policy": "SearchImage.Policy",
	"Result.Lease":  "LeaseImage.Lease",
}

// anew are the fields that are not written down, and why.
var anew = map[string]string{
	"Dialer.config":   "the configuration is that of the new process",
	"Dialer.rules":    "the configuration is that of the new process",
	"Dialer.log":      "the process's",
	"Dialer.stop":     "a goroutine of the process",
	"Dialer.stopped":  "a goroutine of the process",
	"Dialer.running":  "goroutines of the process",
	"Dialer.mu":       "nobody holds it",
	"Dialer.awaited":  "who waits asks again: see Groups.Resume",
	"Dialer.left":     "all that are written down are left, until somebody continues them",
	"Dialer.begun":    "orders the dial-outs of a process",
	"Dialer.waiting":  "who waits for a line waits anew",
	"Dialer.closed":   "a dialler that is closed is not paused",
	"Dialer.resumed":  "a pause is on",
	"Dialer.underWay": "none is",
	"Dialer.quiet":    "a pause is on",

	"dial.dialer": "the new process's",
	"dial.watch":  "his who continues it",
	"dial.stands": "who is called has had his turn",
	"dial.seat":   "is kept anew: Dialer.seatAgain",
	"dial.last":   "of what was not sent, which is not written down: Usage.refund",
	"dial.unused": "as dial.last",
	"dial.moves":  "none does",

	"dial.sounded": "true of all that are written down",

	"attempt.giveUp": "of the process",
	"attempt.again":  "true of all that are written down",
	"attempt.news":   "of the process",
	"attempt.done":   "of the process",
	"attempt.queue":  "whoever continues it hears first how far it is",

	"holding.seat": "taken by the participant; if it is not yet, one is kept anew",
	"holding.over": "of the process",

	"trunk.numbers": "the configuration is that of the new process",
	"trunk.look":    "the trunk is looked at when the new process goes on",
	"trunk.hush":    "no probe is out",
	"pace.interval": "the configuration is that of the new process",
	"pace.turn":     "who stands in line does so anew",

	"waiter.dial":    "who waits for a line waits anew",
	"waiter.ways":    "as waiter.dial",
	"waiter.granted": "as waiter.dial",

	"Groups.config":  "the configuration is that of the new process",
	"Groups.dialer":  "the new process's",
	"Groups.log":     "the process's",
	"Groups.running": "goroutines of the process",
	"Groups.mu":      "nobody holds it",
	"Groups.begun":   "orders the searches of a process",
	"Groups.resting": "none: it has gone on",
	"Groups.closed":  "one that is closed is not paused",

	"press.giveUp": "follows from the searches, of which each knows whether it is given up",

	"search.Groups": "the new process's",
	"search.in":     "who is in the room is looked up anew",
	"search.older":  "is looked up anew",
	"search.after":  "in the order of the searches",
	"search.next":   "in the order of the searches",
	"search.again":  "true of all that were written down",
	"search.stirs":  "none does",

	"tally.answered": "who has won is being received: search.guest",
	"tally.ended":    "an ending is noted before a pause begins",
	"tally.over":     "that of a round that is over is not written down",

	"Result.Outcome": "a guest has answered",
	"Result.Taken":   "a member of a group is called",
	"Result.Seat":    "taken by the participant; if it is not yet, one is kept anew",
	"Result.Over":    "of the process",
	"ending.Result":  "is noted before a pause begins",
	"ending.way":     "as ending.Result",
}

// images are what is written down, with what that is made of.
var images = []any{Saved{}, TrunkImage{}, LeaseImage{}, OutcomeCount{}, Lease{}, DialImage{}, FailureImage{}, GroupsImage{}, GroupCallImage{}, GroupState{}, MemberState{},
	PressImage{}, SearchImage{}, WayImage{}, CalledImage{}}

// Whoever gives a dialler or its groups one more field decides what becomes of it when another process takes over: it is in the image, or in the list of
// those that are made anew, with the reason.
func TestEveryFieldIsCarriedOrMadeAnew(t *testing.T) {
	imagetest.Fields(t, imagetest.Types(images...), []reflect.Type{reflect.TypeFor[Dialer](), reflect.TypeFor[dial](), reflect.TypeFor[attempt](), reflect.TypeFor[Failure](), reflect.TypeFor[holding](), reflect.TypeFor[trunk](),
		reflect.TypeFor[pace](), reflect.TypeFor[waiter](), reflect.TypeFor[Groups](), reflect.TypeFor[groupCall](), reflect.TypeFor[member](),
		reflect.TypeFor[press](), reflect.TypeFor[search](), reflect.TypeFor[way](), reflect.TypeFor[tally](), reflect.TypeFor[ending](),
		reflect.TypeFor[Result]()}, carried, anew)
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
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 2 {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(key, n)
			fill(value, n)
			v.SetMapIndex(key, value)
		}
	case reflect.String:
		v.SetString(fmt.Sprintf("%03d", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Uint8:
		v.SetUint(uint64(*n % 100))
	case reflect.Uint64:
		v.SetUint(uint64(*n))
	default:
		panic("an image has a " + v.Kind().String())
	}
}

// Whatever is in an image is in the next one as well, written down by the process that was made of it.
func TestImagesSurviveAProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		var n int
		saved, called := new(Saved), new(GroupsImage)
		fill(reflect.ValueOf(saved).Elem(), &n)
		fill(reflect.ValueOf(called).Elem(), &n)

		saved.Usage.Day = dayOf(time.Now(), time.Local) // else the counts are of no interest any more
		for of, c := range saved.Usage.Rooms {
			saved.Usage.Rooms[of] = Count{Today: c.Today} // who talks counts by his lease
		}
		for of, c := range saved.Usage.Callers {
			saved.Usage.Callers[of] = Count{Today: c.Today}
		}
		saved.Leases[1].Link = false
		for i := range saved.Dials {
			saved.Dials[i].Request.Trunk = "" // else there is no other one
			saved.Dials[i].Untried = []string{saved.Trunks[0].Name, saved.Trunks[1].Name}
		}
		called.Calls[0].Over = false
		for i := range called.Searches { // of each group one is sought, and received
			s, c := &called.Searches[i], &called.Calls[i]
			s.Call, s.Press, s.Member = i, i, 1-i
			s.Guest = saved.Leases[i].Call
			called.Presses[i].Room = c.Room
			c.Members[s.Member].State, c.Members[i].State = Answered, In
		}

		cfg := Config{Inviter: x.desk(), Saved: saved}
		for _, trunk := range saved.Trunks {
			cfg.Trunks = append(cfg.Trunks, Trunk{Name: trunk.Name, Address: "sip:192.0.2.1", Rate: 1, Probe: time.Minute})
		}
		cfg.Call = func(id string) Call {
			return &fakeCall{exchange: x, id: id, done: make(chan struct{}), gone: make(chan struct{})}
		}
		d, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		g := NewGroups(GroupsConfig{Dialer: d, Saved: called})
		defer g.Close()
		if got := d.Save(); !reflect.DeepEqual(got, saved) {
			t.Errorf("the dialler is\n%+v\nand was\n%+v", got, saved)
		}
		if got := g.Save(); !reflect.DeepEqual(got, called) {
			t.Errorf("the groups are\n%+v\nand were\n%+v", got, called)
		}
	})
}
