package dialout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Pause has nobody dialled any more, so that another process can take over, and returns when nothing is under way: no INVITE is being sent, and there
// is no outcome of which whoever has asked does not know. If ctx is done first, the error says which numbers are being dialled, and everything goes on
// as if nothing had happened.
//
// What rings goes on ringing, and is written down; what comes of it, and what whoever wants it does, shows when it goes on. Until Resume whoever is to be
// dialled waits, and so does he who is to be dialled again, over another trunk or at another number, or when he has
// come to his turn. He has his line and his seat, it is no time that his phone rings, and he may be given up as ever. Trunks are not
// probed; a probe that is out is given up.
func (d *Dialer) Pause(ctx context.Context) error {
	d.mu.Lock()
	if d.resumed == nil {
		d.resumed = make(chan struct{})
	}
	for _, t := range d.trunks {
		if t.hush != nil {
			t.hush()
		}
	}
	d.mu.Unlock()
	err := d.still(ctx)
	if err != nil {
		d.Resume()
	}
	return err
}

// Resume has those go on who wait since Pause, or, in a Dialer that was made with Config.Saved, since New. Safe to call twice.
func (d *Dialer) Resume() {
	d.seatAgain()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.resume()
	d.awaitOwners()
}

// resume is Resume. The lock is held.
func (d *Dialer) resume() {
	if d.resumed != nil {
		close(d.resumed)
		d.resumed = nil
	}
}

// depart waits until the dialler is not paused. What follows is under way from then on, until it has landed; noting is called in the moment
// between, the lock held. The error is ctx's.
func (d *Dialer) depart(ctx context.Context, noting func()) error {
	for {
		d.mu.Lock()
		resumed := d.resumed
		if resumed == nil && ctx.Err() == nil {
			noting()
			d.underWay++
		}
		d.mu.Unlock()
		if resumed == nil {
			return ctx.Err()
		}
		select {
		case <-resumed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// landed says that something is not under way any more.
func (d *Dialer) landed(noting func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	noting()
	d.land()
}

// noted says that whoever has asked for a dial-out knows how it has ended, or that what has stirred is at rest.
func (d *Dialer) noted() { d.landed(func() {}) }

// land is noted. The lock is held.
func (d *Dialer) land() {
	if d.underWay--; d.underWay == 0 && d.quiet != nil {
		close(d.quiet)
		d.quiet = nil
	}
}

// stirs says that something is under way that a pause does not hold up, because it has begun before. To be ended by noted.
func (d *Dialer) stirs() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.underWay++
}

// waits says that a dial-out is not under way: it has no line, or not sent anything over the one that it has, or waits for what comes of that.
func (d *Dialer) waits(j *dial) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if j.moves {
		j.moves = false
		d.land()
	}
}

// stirs says that a dial-out is under way again, once the dialler is not paused.
func (j *dial) stirs() {
	d := j.dialer
	d.mu.Lock()
	defer d.mu.Unlock()
	for !j.moves && d.resumed != nil {
		resumed := d.resumed
		d.mu.Unlock()
		<-resumed
		d.mu.Lock()
	}
	if !j.moves {
		j.moves = true
		d.underWay++
	}
}

// still waits until nothing is under way. If ctx is done first, the error says what is.
func (d *Dialer) still(ctx context.Context) error {
	d.mu.Lock()
	if d.underWay == 0 {
		d.mu.Unlock()
		return nil
	}
	if d.quiet == nil {
		d.quiet = make(chan struct{})
	}
	quiet := d.quiet
	d.mu.Unlock()
	select {
	case <-quiet:
		return nil
	case <-ctx.Done():
	}
	select {
	case <-quiet:
		return nil
	default:
		return d.moving()
	}
}

// mostNamed is how many numbers an error names.
const mostNamed = 5

// moving is what is under way, as an error: "2 numbers are being dialled: 101 into 5234, 102 into 5234".
func (d *Dialer) moving() error {
	d.mu.Lock()
	var out []*dial
	for j := range d.dials {
		if j.moves {
			out = append(out, j)
		}
	}
	slices.SortFunc(out, func(a, b *dial) int { return cmp.Compare(a.order, b.order) })
	var numbers []string
	for _, j := range out[:min(len(out), mostNamed)] {
		numbers = append(numbers, fmt.Sprintf("%s into %s", j.calling.Number, j.Room))
	}
	d.mu.Unlock()
	switch n := len(out); {
	case n == 0:
		return errors.New("the outcome of a call is being noted")
	case n == 1:
		return fmt.Errorf("1 number is being dialled: %s", numbers[0])
	case n > mostNamed:
		return fmt.Errorf("%d numbers are being dialled: %s and %d more", n, strings.Join(numbers, ", "), n-mostNamed)
	default:
		return fmt.Errorf("%d numbers are being dialled: %s", n, strings.Join(numbers, ", "))
	}
}
