package media

import (
	"errors"
	"testing"
	"time"
)

func TestPortsAreLentInTurnAndRest(t *testing.T) {
	p, err := newPorts(PortRange{20001, 20007}, 5*time.Second) // 20002, 20004, 20006
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1000, 0)
	take := func(want uint16, wantErr error) {
		t.Helper()
		if got, err := p.take(now); got != want || !errors.Is(err, wantErr) {
			t.Errorf("took %d (%v), want %d (%v)", got, err, want, wantErr)
		}
	}
	take(20002, nil)
	take(20004, nil)
	p.give(20002, Stream{}, now)
	take(20006, nil) // in turn, not the first free one
	p.give(20006, Stream{}, now.Add(time.Second))
	take(20002, nil) // none has rested: the one that has rested longest
	p.give(20004, Stream{}, now.Add(2*time.Second))
	now = now.Add(6 * time.Second)
	take(20006, nil)
	now = now.Add(time.Second)
	take(20004, nil)
	take(0, ErrNoPorts)
	if p.inUse() != 3 {
		t.Errorf("%d in use, want 3", p.inUse())
	}
}

func TestPortsRememberTheLastCall(t *testing.T) {
	p, err := newPorts(PortRange{20000, 20003}, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1000, 0)
	take := func(want Stream) uint16 {
		t.Helper()
		port, err := p.take(now)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.last(port, now); got != want {
			t.Errorf("before, %v came to port %d, want %v", got, port, want)
		}
		return port
	}
	anna, boris := Stream{phone, 1}, Stream{nat, 2}
	first, second := take(Stream{}), take(Stream{})
	p.give(second, boris, now)
	p.give(first, anna, now)
	now = now.Add(5*time.Second + goneMost)
	first, second = take(Stream{}), take(Stream{}) // so long nobody sends who has been hung up
	p.give(second, boris, now)
	p.give(first, anna, now)
	now = now.Add(30 * time.Second)
	first, second = take(anna), take(boris)
	p.give(first, Stream{}, now)
	p.refused(second, now.Add(time.Second))
	im := p.save(now, monotonic())
	if p, err = newPorts(PortRange{20000, 20003}, 5*time.Second); err != nil { // another process
		t.Fatal(err)
	}
	p.restore(&im)
	take(Stream{})
	take(boris)
}

// All three hang up and call again at once, while another program has one of four pairs.
func TestEverybodyCallsAgain(t *testing.T) {
	p, err := newPorts(PortRange{20000, 20007}, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1000, 0)
	const foreign = 20004
	open := func() (uint16, error) {
		for range len(p.lent) {
			port, err := p.take(now)
			if err != nil {
				return 0, err
			}
			if port != foreign {
				return port, nil
			}
			p.refused(port, now)
		}
		return 0, p.exhausted()
	}
	for range 3 {
		var calls []uint16
		for range 3 {
			port, err := open()
			if err != nil {
				t.Fatalf("call %d: %v", len(calls), err)
			}
			calls = append(calls, port)
		}
		const want = "no free RTP ports: media.ports: 4 pairs, 3 in calls, 1 used by other programs"
		if _, err := open(); !errors.Is(err, ErrNoPorts) || err.Error() != want {
			t.Errorf("a fourth call: %v, want %s", err, want)
		}
		for _, port := range calls {
			now = now.Add(time.Millisecond)
			p.give(port, Stream{}, now)
		}
	}
}

func TestPortRanges(t *testing.T) {
	tests := []struct {
		r    PortRange
		want int
	}{{PortRange{}, 5000}, {PortRange{20000, 20001}, 1}, {PortRange{20001, 20002}, 0}, {PortRange{20000, 20000}, 0},
		{PortRange{65534, 65535}, 1}, {PortRange{30000, 20000}, 0}, {PortRange{65535, 65535}, 0}}
	for _, tt := range tests {
		p, err := newPorts(tt.r, 0)
		if (err == nil) != (tt.want > 0) || err == nil && len(p.lent) != tt.want {
			t.Errorf("%v: %v, want %d pairs", tt.r, err, tt.want)
		}
	}
}
