package dialout

import (
	"context"
	"fmt"
	"testing"
)

// idle is an Inviter whose phones ring and are then given up, all at once.
type idle struct{ ringing chan struct{} }

func (i idle) Probe(context.Context, Trunk) error { return nil }
func (i idle) Invite(ctx context.Context, _ Attempt, progress func(Progress)) (Call, error) {
	progress(Progress{ID: "INVITE", State: Ringing})
	i.ringing <- struct{}{}
	<-ctx.Done()
	return nil, ctx.Err()
}

func (i idle) Continue(context.Context, string, Attempt, func(Progress)) (Call, error) {
	return nil, ErrInterrupted
}

func (i idle) Members(context.Context, string) (list []Member, err error) {
	for n := range 100 {
		list = append(list, Member{Extension: fmt.Sprint(1000 + n)})
	}
	return list, nil
}

// BenchmarkGroupOfAHundred is our own share of calling a hundred people: from the key until all their phones ring,
// and until all of them have been cancelled again.
func BenchmarkGroupOfAHundred(b *testing.B) {
	world := idle{make(chan struct{}, 100)}
	cfg := pbx()
	cfg.Inviter = world
	d, err := New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	b.ReportAllocs()
	for b.Loop() {
		g := NewGroups(GroupsConfig{Dialer: d, Store: world, Receive: func(context.Context, Guest) State { return In }})
		if n, err := g.Call(context.Background(), conference("5234"), "100", by("12")); n != 100 || err != nil {
			b.Fatal(n, err)
		}
		for range 100 {
			<-world.ringing
		}
		g.Close()
	}
}
