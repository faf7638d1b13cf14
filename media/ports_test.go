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
	p.give(20002, now)
	take(20006, nil) // in turn, not the first free one
	take(0, ErrNoPorts)
	now = now.Add(4 * time.Second)
	take(0, ErrNoPorts)
	now = now.Add(time.Second)
	take(20002, nil)
	if p.inUse() != 3 {
		t.Errorf("%d in use, want 3", p.inUse())
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
