package links

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Pause returns when no link is under way, so that another process can take over: each waits for people, for a line, for the answer to its INVITE, for the
// end of its call, for the far side's last word on that, or for its time. It comes after the Dialer's Pause. If ctx is done first, the
// error says what the links do that are under way, and all go on as if nothing had happened.
//
// Until Resume no link does anything. What happens meanwhile is seen then.
func (l *Links) Pause(ctx context.Context) error {
	l.mu.Lock()
	if l.resumed == nil {
		l.resumed = make(chan struct{})
	}
	quiet := make(chan struct{})
	l.quiet = quiet
	l.look()
	l.mu.Unlock()
	select {
	case <-quiet:
		return nil
	case <-ctx.Done():
	}
	select {
	case <-quiet:
		return nil
	default:
	}
	err := l.moving()
	l.Resume()
	return err
}

// Resume has the links go on that wait since Pause, or, with Config.Saved, since New. Safe to call twice.
func (l *Links) Resume() {
	l.mu.Lock()
	if l.resumed != nil {
		close(l.resumed)
		l.resumed = nil
	}
	l.quiet = nil
	left := l.left
	l.left = nil
	l.mu.Unlock()
	for _, call := range left {
		call.Hangup("the link is not in the configuration any more")
	}
}

// look tells who waits for it when no link is under way. The lock is held.
func (l *Links) look() {
	if l.quiet == nil {
		return
	}
	for _, k := range l.keepers {
		if k.moves {
			return
		}
	}
	close(l.quiet)
	l.quiet = nil
}

// moving is what the links do that are under way, as an error.
func (l *Links) moving() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []string
	for _, k := range l.keepers {
		if k.moves {
			all = append(all, fmt.Sprintf("the link of room %s with %s is %s", k.link.Room, k.link.Number, k.status.State))
		}
	}
	return errors.New(strings.Join(all, ", "))
}

// move goes a step: the link is under way from now on, until it rests. While the links are paused one that is not under way waits.
func (k *keeper) move() {
	for {
		k.links.mu.Lock()
		resumed := k.links.resumed
		free := k.moves || resumed == nil
		if free {
			k.moves = true
		}
		k.links.mu.Unlock()
		if free {
			return
		}
		select {
		case <-resumed:
		case <-k.links.closing:
			return
		}
	}
}

// rests says that the link only waits now, and may be written down.
func (k *keeper) rests() {
	k.links.mu.Lock()
	defer k.links.mu.Unlock()
	k.settle()
}

// settle is rests. The lock is held.
func (k *keeper) settle() {
	k.moves = false
	k.links.look()
}
