package dialout

import (
	"context"
	"time"
)

// pace lets one INVITE through per interval. Who waits stands in line, first come first served, and may
// leave it: a turn is taken only when it has come, so a hundred cancelled dial-outs hold nobody up.
type pace struct {
	interval time.Duration // 0: no pace at all
	turn     chan struct{} // holds one while somebody has the turn
	next     time.Time     // when the next INVITE may go; touched by who has the turn
}

func newPace(rate float64) pace {
	if rate <= 0 {
		return pace{}
	}
	return pace{interval: time.Duration(float64(time.Second) / rate), turn: make(chan struct{}, 1)}
}

// wait returns nil when it is one's turn and depart has let one go, and ctx's error when ctx is done before that. Who waits in depart keeps the turn,
// so the others stay in line behind him.
func (p *pace) wait(ctx context.Context, depart func() error) error {
	if p.interval == 0 {
		return depart()
	}
	select {
	case p.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-p.turn }()
	if left := time.Until(p.next); left > 0 {
		timer := time.NewTimer(left)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	if err := depart(); err != nil {
		return err
	}
	p.next = time.Now().Add(p.interval)
	return nil
}
