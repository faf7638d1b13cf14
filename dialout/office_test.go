package dialout

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// office is an exchange with groups, and what those meet who answer.
type office struct {
	*exchange
	dialer *Dialer
	groups *Groups

	mu       sync.Mutex
	lists    map[string][]Member
	down     error
	presses  map[string]time.Duration // who presses 1, and after how long; others let the prompt talk
	received map[string]int           // calls that are being received or are in, by member
	changes  []string
	dawdle   time.Duration // how long who is told of a state in the sixth second takes for it

	process   int    // how often another process has taken over
	lost      bool   // the next one finds none of the calls that are being received
	meanwhile func() // what happens when this one has paused; nil: nothing
	deaf      bool   // who receives does not hear that nobody wants the guest any more
}

// gathering runs a test in fake time with groups of that configuration. Whatever happens, no member is ever
// on two calls at a time, and nobody stays on a call that nobody has taken in.
func gathering(t *testing.T, cfg Config, groups GroupsConfig, test func(o *office)) {
	t.Helper()
	within(t, cfg, func(x *exchange, d *Dialer) {
		o := newOffice(x, d, groups)
		test(o)
		o.groups.Close()
		o.wantTidy()
		o.dialer.Close()
	})
}

func newOffice(x *exchange, d *Dialer, groups GroupsConfig) *office {
	o := &office{
		exchange: x, dialer: d, lists: make(map[string][]Member), presses: make(map[string]time.Duration), received: make(map[string]int),
	}
	o.open(d, groups)
	return o
}

// open begins the work of a process. When another one has taken over, what it still says is not heard.
func (o *office) open(d *Dialer, groups GroupsConfig) {
	process := o.process
	groups.Dialer, groups.Store = d, o
	groups.Receive = func(ctx context.Context, guest Guest) State { return o.receive(ctx, guest, process) }
	groups.OnChange = func(c GroupChange) {
		if o.alive(process) {
			o.changed(c)
		}
	}
	o.dialer, o.groups = d, NewGroups(groups)
}

func (o *office) alive(process int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.process == process
}

// handsOver has another process take over, with these configurations, and says what it has got. The old one is gone without a word: no BYE, no CANCEL.
func (o *office) handsOver(cfg Config, groups GroupsConfig) *GroupsImage {
	o.Helper()
	if err := o.dialer.Pause(context.Background()); err != nil {
		o.Errorf("pause: %v", err)
	}
	synctest.Wait() // those who receive rest
	if err := o.groups.Pause(context.Background()); err != nil {
		o.Errorf("pause: %v", err)
	}
	if o.meanwhile != nil {
		o.meanwhile()
		synctest.Wait()
	}
	saved, called := carry(o, o.dialer.Save()), carry(o, o.groups.Save())
	o.mu.Lock()
	o.process++
	o.mu.Unlock()
	o.exchange.mu.Lock()
	o.exchange.process++
	o.exchange.mu.Unlock()
	o.dialer.mu.Lock()
	for h := range o.dialer.holdings {
		if h.seat != nil {
			h.seat.Release() // whoever sits there has it from now on
		}
	}
	for j := range o.dialer.dials {
		if j.seat != nil {
			j.seat.Release() // is kept anew
		}
	}
	o.dialer.mu.Unlock()
	o.carryCalls()
	o.groups.Close()
	o.dialer.Close()
	cfg.Inviter, cfg.Present, cfg.Saved, cfg.Call = o.desk(), o.present, saved, o.find
	if o.lost {
		for _, c := range o.calls {
			c.Hangup("goes")
		}
	}
	d, err := New(cfg)
	if err != nil {
		o.Errorf("%v", err)
	}
	groups.Saved = called
	o.open(d, groups)
	d.Resume()
	o.groups.Resume()
	return called
}

func (o *office) Members(ctx context.Context, group string) ([]Member, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch list, ok := o.lists[group]; {
	case o.down != nil:
		return nil, o.down
	case !ok:
		return nil, fmt.Errorf("table conf_groups: %w", ErrNoGroup)
	default:
		return slices.Clone(list), nil
	}
}

// list makes a group of extensions; "Anna 103" has a name.
func (o *office) list(group string, extensions ...string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lists[group] = nil
	for _, e := range extensions {
		name, extension, named := strings.Cut(e, " ")
		if !named || name < "A" {
			name, extension = "", e
		}
		o.lists[group] = append(o.lists[group], Member{Extension: extension, Name: name})
	}
}

// receive is the ante-room: straight in, or with a key within ten seconds.
func (o *office) receive(ctx context.Context, guest Guest, process int) State {
	who := guest.Lease.Room.Number + " " + guest.Member.Extension
	call := guest.Call.(*fakeCall)
	o.count(who, 1)
	state := o.anteroom(ctx, guest)
	if !o.alive(process) {
		o.count(who, -1)
		return state
	}
	o.note("%s is %s", call.to, state)
	if state == In {
		o.enters(guest.Number)
	}
	call.atEnd(func() { o.count(who, -1); o.leaves(guest.Number) })
	return state
}

func (o *office) anteroom(ctx context.Context, guest Guest) State {
	if guest.Policy == Straight {
		return In
	}
	o.mu.Lock()
	after, presses := o.presses[guest.Number]
	o.mu.Unlock()
	key := make(<-chan time.Time)
	switch {
	case presses && after == 0:
		return In
	case presses:
		key = time.After(after)
	}
	select {
	case <-key:
		return In
	case <-time.After(10 * time.Second):
	case <-guest.Call.Done():
	case <-o.given(ctx):
		return Cancelled
	}
	return NoAccept
}

// given is closed when the guest is not wanted any more, and whoever receives him hears that.
func (o *office) given(ctx context.Context) <-chan struct{} {
	if o.deaf {
		return nil
	}
	return ctx.Done()
}

// count holds the Groups to their promise.
func (o *office) count(who string, n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.received[who] += n
	if o.received[who] > 1 {
		o.Errorf("%s is on %d calls", who, o.received[who])
	}
}

func (o *office) changed(c GroupChange) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.changes = append(o.changes, fmt.Sprintf("%s: %s", c.Extension, c.Outcome))
	if at := time.Since(o.began); at >= 5*time.Second && at < 6*time.Second {
		time.Sleep(o.dawdle)
	}
}

// wantTidy: who is on a call is in, and nothing rings; then all hang up.
func (o *office) wantTidy() {
	o.Helper()
	synctest.Wait()
	o.exchange.mu.Lock()
	for number, n := range o.ringing {
		if n != 0 {
			o.Errorf("%s still rings", number)
		}
	}
	calls := o.calls
	o.exchange.mu.Unlock()
	in := 0
	o.mu.Lock()
	for _, n := range o.received {
		in += n
	}
	o.mu.Unlock()
	if live := o.live(); len(live) != in {
		o.Errorf("%d are in, and these are on a call: %v", in, live)
	}
	for _, c := range calls {
		c.Hangup("good night")
	}
	synctest.Wait()
	if s := o.dialer.Stats(); s.Dials != 0 || s.Waiting != 0 || len(o.dialer.claims) != 0 || o.dialer.underWay != 0 {
		o.Errorf("left over: %+v, %v, and %d are under way", s, o.dialer.claims, o.dialer.underWay)
	}
}

// press calls group 100 into room 12, on behalf of 12, who has it.
func (o *office) press(want int) {
	o.Helper()
	o.pressed("12", "100", "12", want)
}

func (o *office) pressed(room, group, caller string, want int) {
	o.Helper()
	if got, err := o.groups.Call(context.Background(), conference(room), group, by(caller)); got != want || err != nil {
		o.Errorf("group %s: %d are called, %v; want %d", group, got, err, want)
	}
}

// wantReport compares what the caller would hear about room 12.
func (o *office) wantReport(want string) {
	o.Helper()
	synctest.Wait()
	if got := o.groups.Report(conference("12")).String(); got != want {
		o.Errorf("result: %s\nwant:   %s", got, want)
	}
}

// wantStates compares how far those of group 100 in room 12 are.
func (o *office) wantStates(want string) {
	o.Helper()
	synctest.Wait()
	var got []string
	for _, m := range o.groups.States(conference("12"))[0].Members {
		got = append(got, m.String())
	}
	if s := strings.Join(got, ", "); s != want {
		o.Errorf("states: %s\nwant:   %s", s, want)
	}
}
