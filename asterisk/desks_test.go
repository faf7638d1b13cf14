//go:build e2e && linux

package asterisk_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipconf/sipconf/asterisk/rig"
	"github.com/sipconf/sipconf/bench/phone"
)

// desks is an Asterisk with four phones, 101 to 104, a sipconf that hears of *1 at its manager, and what of them is at hand.
type desks struct {
	*testing.T
	net    string // their addresses but for the last number, such as "127.1.30."
	ports  int    // of sipconf; those of Asterisk are 200 above
	pbx    *rig.Asterisk
	s      *server
	phones map[string]*phone.Phone // that ring, by number
}

// theSecret is what sipconf knows of its account, with whatever else it is told of the manager.
const theSecret = "secret: s3cret"

// newDesks starts them, sipconf last, with further sections of its configuration.
func newDesks(t *testing.T, net, ports int, account string, change func(*rig.Options), sections ...string) *desks {
	t.Helper()
	d := &desks{T: t, net: fmt.Sprintf("127.1.%d.", net), ports: ports, phones: map[string]*phone.Phone{}}
	opts := rig.Options{
		Addr: d.net + "21", Ports: rig.Ports{First: uint16(ports + 200), Last: uint16(ports + 299)}, Sipconf: d.net + "31:5060",
		Manager: "s3cret", Dialplan: sipconfMayDial, Append: asksOften,
	}
	for i, name := range []string{"Anna", "Boris", "Clara", "Dora"} {
		number := fmt.Sprint(101 + i)
		opts.Phones = append(opts.Phones, rig.Phone{Name: name, Number: number, Addr: fmt.Sprintf("%s%d:5060", d.net, 41+i)})
		d.phones[number] = picksUp(t, number, opts.Phones[i].Addr, tonesOf[number])
	}
	if change != nil {
		change(&opts)
	}
	d.pbx = rig.Start(t, opts)
	manager := fmt.Sprintf("asterisk: {ami: [{name: pbx, address: \"%s21\", username: sipconf, %s}]}\n", d.net, account)
	d.s = serve(t, d.net+"31", ports, append([]string{through(opts.Addr) + manager}, sections...)...)
	if opts.Manager == "s3cret" {
		d.connected(1)
	}
	if opts.Sipconf == d.s.addr {
		d.available()
	}
	return d
}

// available waits until Asterisk knows that sipconf is there.
func (d *desks) available() {
	d.Helper()
	for deadline := time.Now().Add(patience); !strings.Contains(d.pbx.CLI("pjsip show contacts"), " Avail "); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			d.Fatalf("for Asterisk sipconf is not there:\n%s", d.pbx.CLI("pjsip show contacts"))
		}
	}
}

// asksOften has Asterisk ask sipconf every two seconds whether it is there, and not twice at a time: a late no would undo a yes.
var asksOften = []string{"[sipconf](+type=aor)", "qualify_frequency=2", "qualify_timeout=1.5"}

// connected waits until sipconf has been connected to the manager so often.
func (d *desks) connected(n int) {
	d.Helper()
	d.s.await(d.T, fmt.Sprint("connected to the manager ", n), func() bool { return len(d.s.events("connected to Asterisk's manager")) == n })
}

// tonesOf are what the phones say.
var tonesOf = map[string]float64{"101": 370, "102": 1130, "103": 1490, "104": 2330}

// dials is a call of a phone to a number, as who has dialled has it.
func (d *desks) dials(number, called string) *caller {
	d.Helper()
	i := slices.Index([]string{"101", "102", "103", "104"}, number)
	return calls(d.T, []string{"Anna", "Boris", "Clara", "Dora"}[i], number, fmt.Sprintf("%s%d", d.net, 41+i), d.pbx.URI(called), tonesOf[number])
}

// picksUp is the call that a phone has answered.
func (d *desks) picksUp(name, number string) *caller {
	d.Helper()
	return answered(d.T, name, d.phones[number], tonesOf[number])
}

// talk waits until each hears each other one, and a little more, for the sound takes another way now; then it holds them to it.
func (d *desks) talk(room ...*caller) {
	d.Helper()
	for _, ear := range room {
		for _, mouth := range room {
			if mouth == ear {
				continue
			}
			if err := ear.AwaitTone(within(d.T), mouth.hz, spoken, tolerance); err != nil {
				d.Fatalf("%s hears %s: %v", ear.name, mouth.name, err)
			}
		}
	}
	time.Sleep(settling)
	converse(d.T, room...)
}

// joined waits until so many have joined, ever, and returns "ROOM NAME NUMBER" of each, in their order of names.
func (d *desks) joined(n int) []string {
	d.Helper()
	d.s.await(d.T, fmt.Sprint(n, " have joined"), func() bool { return len(d.s.events("joined")) >= n })
	var all []string
	for _, e := range d.s.events("joined") {
		all = append(all, e.Room+" "+e.Name+" "+e.Number)
	}
	slices.Sort(all)
	return all
}

// wantJoined wants exactly these.
func (d *desks) wantJoined(want ...string) {
	d.Helper()
	if got := d.joined(len(want)); !slices.Equal(got, want) {
		d.Errorf("in rooms are %q, want %q", got, want)
	}
}

// wantUpgrades wants so many lines of that kind in the log.
func (d *desks) wantUpgrades(n int) {
	d.Helper()
	if got := len(d.s.events(becomes)); got != n {
		d.Errorf("%d calls have become conferences, want %d", got, n)
	}
}

const (
	becomes   = "a call between two has become a conference"
	becomesNo = "a call between two could not become a conference"
)

// hangUp: all hang up, whom nobody has hung up before, and nothing is left.
func (d *desks) hangUp(room ...*caller) {
	d.Helper()
	for _, c := range room {
		select {
		case <-c.Done():
			d.Errorf("%s was hung up: %+v", c.name, c.Ending())
		default:
			if err := c.Hangup(within(d.T)); err != nil {
				d.Errorf("%s hangs up: %v", c.name, err)
			}
		}
	}
	deadline := time.Now().Add(patience)
	for out := ""; !strings.Contains(out, "0 active channels"); {
		if out = d.pbx.CLI("core show channels count"); time.Now().After(deadline) {
			d.Fatalf("calls are left at Asterisk:\n%s%s", out, d.pbx.CLI("core show channels"))
		}
	}
	d.s.await(d.T, "no room is left", func() bool { return len(d.s.events("room gone")) == len(d.s.events("room created")) })
	d.s.leavesNothing(d.T, d.pbx)
}

// endsCall: the first hangs up an ordinary call of two, and with it the other one's ends.
func (d *desks) endsCall(first, other *caller) {
	d.Helper()
	if err := first.Hangup(within(d.T)); err != nil {
		d.Errorf("%s hangs up: %v", first.name, err)
	}
	select {
	case <-other.Done():
	case <-within(d.T).Done():
		d.Errorf("%s is still there", other.name)
	}
}

// complaints fails the test if Asterisk has warned of something. What pjproject says of the order in which Asterisk loads its
// modules is none of our business.
func complaints(t *testing.T, pbx *rig.Asterisk) {
	t.Helper()
	for line := range strings.Lines(pbx.Log()) {
		if (strings.Contains(line, "] WARNING[") || strings.Contains(line, "] ERROR[")) && !strings.Contains(line, "PJSIP_SAFE_MODULE") {
			t.Errorf("Asterisk complains: %s", line)
		}
	}
}

// replaces is what a Refer-To says of a call of our own that is to be taken over, escaped as a header in a URI.
func replaces(c *caller) string {
	tag := func(header string) string {
		_, tag, _ := strings.Cut(header, ";tag=")
		return tag
	}
	return strings.NewReplacer("@", "%40", ";", "%3B", "=", "%3D").Replace(
		c.ID() + ";to-tag=" + tag(c.Response().Header("To")) + ";from-tag=" + tag(c.Invite().Header("From")))
}
