package dialout

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"
)

// GroupsImage is the groups that were called, written down for another process. Plain data, for encoding/gob.
type GroupsImage struct {
	Calls    []GroupCallImage
	Presses  []PressImage
	Searches []SearchImage // in the order in which they were begun, which is that of the lists
}

// GroupCallImage is a group that was called into a room. Plain data, for encoding/gob.
type GroupCallImage struct {
	GroupState
	Over bool // the conference is, and only those are still of interest who are under way
}

// PressImage is a pressing of the key for which somebody is still under way. Plain data, for encoding/gob.
type PressImage struct {
	Room   Room
	Caller Caller
}

// SearchImage is the search for a member who has not been dialled yet, or not at all his numbers, or is being called, or received. Plain data, for
// encoding/gob.
type SearchImage struct {
	Call, Member, Press int // which of Calls, of its Members, and of Presses

	Called  []CalledImage // his numbers that are being dialled
	Next    time.Time     // when another one is dialled although none of these has ended; zero: then only
	Left    []WayImage    // those that are still to be dialled
	GivenUp string        // why he is not wanted any more; empty: he is
	Guest   string        // the ID of the call on which he is being received; empty: he is not, and neither are the rest said
	Number  string        // that was answered
	Trunk   string        // over which
	Policy  Policy        // what he meets
}

// WayImage is one number of a member. Plain data, for encoding/gob.
type WayImage struct {
	Number string
	Policy Policy
}

// CalledImage is one that is being dialled. Plain data, for encoding/gob.
type CalledImage struct {
	WayImage
	ID string // of the INVITE that is out; empty: none is, he waits for a line
}

// Pause returns when nobody is between two steps: each member waits to be dialled, or to answer, is being received, or has an outcome. It comes after the
// Dialer's Pause, and best when those who are being received rest as well. It holds nobody up: a group that is called meanwhile waits in the dialler. If
// ctx is done first, the error says what is under way.
func (g *Groups) Pause(ctx context.Context) error { return g.dialer.still(ctx) }

// Resume has the searches go on that come from Config.Saved; those that were paused here the Dialer's Resume has go on. Safe to call twice.
func (g *Groups) Resume() {
	g.mu.Lock()
	resting := g.resting
	g.resting = nil
	g.mu.Unlock()
	type place struct {
		room   Room
		caller string
	}
	in := make(map[place]map[Key]bool)
	for _, s := range resting {
		at := place{s.call.room, s.press.number}
		if in[at] == nil {
			in[at] = g.dialer.inRoom(at.room, at.caller)
		}
		s.in, s.older = in[at], g.dialer.older(at.room)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range resting {
		if !g.closed {
			s.start()
		}
	}
}

// Save writes down the groups of all rooms, and who is under way. Only while it is paused.
func (g *Groups) Save() *GroupsImage {
	g.mu.Lock()
	im := &GroupsImage{}
	var calls []*groupCall
	for _, room := range slices.SortedFunc(maps.Keys(g.calls), Room.compare) {
		calls = append(calls, g.calls[room]...)
	}
	of := make(map[*groupCall]int)
	for _, c := range calls {
		of[c] = im.add(c, false)
	}
	pressed := make(map[*press]int)
	searches := slices.SortedFunc(maps.Keys(g.sought), func(a, b *search) int { return cmp.Compare(a.order, b.order) })
	guests := make([]Call, len(searches))
	for i, s := range searches {
		at, ok := of[s.call]
		if !ok { // its room has ended
			at = im.add(s.call, true)
			of[s.call] = at
		}
		by, ok := pressed[s.press]
		if !ok {
			by = len(im.Presses)
			im.Presses = append(im.Presses, PressImage{s.press.room, Caller{s.press.number, s.press.call}})
			pressed[s.press] = by
		}
		im.Searches = append(im.Searches, s.save(at, by))
		if s.guest != nil {
			guests[i] = s.guest.Call
		}
	}
	g.mu.Unlock()
	for i, call := range guests {
		if call != nil {
			im.Searches[i].Guest = call.ID()
		}
	}
	return im
}

// add writes a group down, and returns which of the calls it is.
func (im *GroupsImage) add(c *groupCall, over bool) int {
	state := GroupState{Room: c.room, Group: c.group}
	for _, m := range c.members {
		state.Members = append(state.Members, m.state)
	}
	im.Calls = append(im.Calls, GroupCallImage{state, over})
	return len(im.Calls) - 1
}

// save writes a search down, but for its call. The lock is held.
func (s *search) save(call, press int) SearchImage {
	im := SearchImage{Call: call, Press: press, Member: slices.Index(s.call.members, s.member)}
	for _, w := range s.left {
		im.Left = append(im.Left, WayImage{w.number, w.policy})
	}
	if t := s.out; t != nil {
		im.Next = t.next
		for i, gone := range t.gone {
			if !gone {
				im.Called = append(im.Called, CalledImage{WayImage{t.ways[i].number, t.ways[i].policy}, t.far[i].ID})
			}
		}
	}
	if why := context.Cause(s.wanted); why != nil {
		im.GivenUp = why.Error()
	}
	if r := s.guest; r != nil {
		im.Number, im.Trunk, im.Policy = r.Number, r.Trunk, r.Policy
	}
	return im
}

// restore takes over what another process has left. In NewGroups.
func (g *Groups) restore(im *GroupsImage) {
	if im == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	calls := make([]*groupCall, len(im.Calls))
	for i, state := range im.Calls {
		calls[i] = &groupCall{room: state.Room, group: state.Group}
		for _, s := range state.Members {
			m := g.member(s.Member)
			m.state = s
			calls[i].members = append(calls[i].members, m)
		}
		if !state.Over {
			g.calls[state.Room] = append(g.calls[state.Room], calls[i])
		}
	}
	presses := make([]*press, len(im.Presses))
	for i, p := range im.Presses {
		presses[i] = newPress(p.Room, p.Caller)
	}
	turn := nobodyBefore()
	for i := range im.Searches {
		s := &im.Searches[i]
		c, p := calls[s.Call], presses[s.Press]
		g.presses[p] = struct{}{}
		turn = g.seekOn(s, c, p, turn)
	}
	for _, c := range calls {
		for _, m := range c.members {
			if m.stop == nil && m.state.State.UnderWay() { // nobody seeks him; that is a fault of the other process
				m.state.Outcome, m.state.Since = failed(Interrupted), time.Now()
			}
		}
	}
}

// seekOn makes a search again, and returns the turn of the next one. The lock is held.
func (g *Groups) seekOn(im *SearchImage, c *groupCall, p *press, turn <-chan struct{}) <-chan struct{} {
	m := c.members[im.Member]
	s := newSearch(g, c, m, p)
	for _, w := range im.Left {
		s.left = append(s.left, way{w.Number, w.Policy})
	}
	if len(im.Called) > 0 {
		s.out = roundOf(im, s.left)
	}
	if im.GivenUp != "" {
		m.stop(reason(im.GivenUp))
	}
	s.again = true
	g.resting = append(g.resting, s)
	if im.Guest != "" {
		s.queue(nobodyBefore()) // he has had his turn
		s.guest = &Result{Outcome: Outcome{State: Answered}, Number: im.Number, Trunk: im.Trunk, Policy: im.Policy}
		if h := g.dialer.held(im.Guest); h != nil {
			s.guest.Call, s.guest.Lease, s.guest.Over = h.call, *h.lease, h.over
		}
		return turn
	}
	if s.rang() {
		s.queue(nobodyBefore()) // likewise
		return turn
	}
	return s.queue(turn)
}

// roundOf is the round again in which his numbers are called.
func roundOf(im *SearchImage, left []way) *tally {
	var ways []way
	for _, w := range im.Called {
		ways = append(ways, way{w.Number, w.Policy})
	}
	t := newTally(append(ways, left...))
	t.next = im.Next
	for _, w := range im.Called {
		t.far = append(t.far, Change{ID: w.ID})
		t.gone = append(t.gone, false)
	}
	return t
}

// reason is the error that a context was cancelled with.
func reason(text string) error {
	for _, err := range []error{ErrElsewhere, ErrRoomEnded, ErrGivenUp, ErrClosed, ErrInterrupted, errNoAnswer, errSilent} {
		if err.Error() == text {
			return err
		}
	}
	return errors.New(text)
}
