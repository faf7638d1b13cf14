package dialout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Call calls everybody of the group who is not in the room and not being called: all of them when the key
// is pressed first, and those who are missing when it is pressed again. by is who has pressed it. It reads the list, waiting for ctx, and returns how many are
// being called, without those whom the rules or today's limits keep from it; it does not wait for them. The error is or wraps ErrNoGroup,
// ErrStoreDown, ErrClosed, ErrLimit or ctx's own. A member who is in the list twice is called once. Of a list that cannot be read now Missing
// makes another attempt.
func (g *Groups) Call(ctx context.Context, room Room, group string, by Caller) (called int, err error) {
	list, err := g.config.Store.Members(ctx, group)
	switch {
	case errors.Is(err, ErrNoGroup):
		return 0, fmt.Errorf("group %s: %w", group, err)
	case err != nil && ctx.Err() != nil: // he has hung up meanwhile
		return 0, ctx.Err()
	case err != nil:
		g.remember(ctx, room, group)
		return 0, fmt.Errorf("group %s: %w: %w", group, ErrStoreDown, err)
	}
	called, err = g.callAll(ctx, room, group, by, g.distinct(list))
	if err == nil {
		g.log.Info("group called", "room", room.Number, "group", group, "from", by.Number, "called", called)
	}
	return called, err
}

// callAll calls those of the members who are found to be missing.
func (g *Groups) callAll(ctx context.Context, room Room, group string, by Caller, found []*member) (called int, err error) {
	in := g.dialer.inRoom(room, by.Number)
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.closed:
		return 0, ErrClosed
	case ctx.Err() != nil: // he has hung up, and the room may have ended with that
		return 0, ctx.Err()
	}
	g.endOlder(room)
	c := g.call(room, group)
	c.update(found)
	return g.press(c, by, in)
}

// endOlder gives up what rings for the conferences that there were before under the number of that one, if it has not been told yet that
// they are over: a phone that rings for one would be busy for the next. It does not wait for that; search.letEnd does. The lock is held.
func (g *Groups) endOlder(room Room) {
	for p := range g.presses {
		if p.room.Number == room.Number && p.room.Incarnation < room.Incarnation {
			p.giveUp(ErrRoomEnded)
		}
	}
}

// remember has a group count as called into a room, for Missing.
func (g *Groups) remember(ctx context.Context, room Room, group string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed && ctx.Err() == nil { // as in callAll
		g.call(room, group)
	}
}

// Missing calls those who are missing of every group that was called into the room. The errors are those
// of Call, joined; a group that cannot be read does not keep the others from being called.
func (g *Groups) Missing(ctx context.Context, room Room, by Caller) (called int, err error) {
	var errs []error
	var limited error
	for _, group := range g.groupsIn(room) {
		n, err := g.Call(ctx, room, group, by)
		called += n
		if !errors.Is(err, ErrLimit) {
			errs = append(errs, err)
		} else {
			limited = err
		}
	}
	if called == 0 {
		errs = append(errs, limited)
	}
	return called, errors.Join(errs...)
}

// groupsIn is the groups that were called into a room.
func (g *Groups) groupsIn(room Room) (names []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range g.calls[room] {
		names = append(names, c.group)
	}
	return names
}

// distinct makes members of a list, without those who can only be reached by numbers that stand before.
func (g *Groups) distinct(list []Member) (members []*member) {
	before := make(map[Key]bool)
	for _, row := range list {
		if m := g.member(row); !known(m.keys, before) {
			members = append(members, m)
		}
	}
	return members
}

// member makes a member of a row.
func (g *Groups) member(row Member) *member {
	ways, err := row.ways()
	if err != nil {
		g.log.Warn("a policy in the list of a group is not known, press-1 is taken", "member", row.Extension, "err", err)
	}
	m := &member{ways: ways, state: MemberState{Member: row}}
	for _, w := range ways {
		m.keys = append(m.keys, g.dialer.rules.Key(w.number))
	}
	return m
}

// call finds the group's call into that room, or makes one. The lock is held.
func (g *Groups) call(room Room, group string) *groupCall {
	at := slices.IndexFunc(g.calls[room], func(c *groupCall) bool { return c.group == group })
	if at >= 0 {
		return g.calls[room][at]
	}
	c := &groupCall{room: room, group: group}
	g.calls[room] = append(g.calls[room], c)
	return c
}

// update takes over a list that was read anew. Who was in the old one keeps his state; who is not in it
// any more goes, unless he is under way. The lock is held.
func (c *groupCall) update(found []*member) {
	for i, m := range found {
		at := slices.IndexFunc(c.members, func(old *member) bool { return old.state.Extension == m.state.Extension })
		if at < 0 {
			continue
		}
		old := c.members[at]
		old.state.Member = m.state.Member // the name may be another
		found[i] = old
	}
	for _, old := range c.members {
		if old.stop != nil && !slices.Contains(found, old) {
			found = append(found, old)
		}
	}
	c.members = found
}

// press starts the search for those who are missing and returns how many of them will be dialled; what becomes of the others comes out
// of their search all the same. The error is ErrLimit if there are none for the limits. The lock is held.
func (g *Groups) press(c *groupCall, by Caller, in map[Key]bool) (called int, err error) {
	p := newPress(c.room, by)
	turn := nobodyBefore()
	forecast := g.dialer.forecast(c.room, by.Number)
	older := g.dialer.older(c.room)
	for _, m := range c.members {
		if m.stop != nil || g.here(c, m, in) {
			continue
		}
		if g.soughtElsewhere(c, m) {
			m.state.Outcome, m.state.Number, m.state.Since = failed(AlreadyCalled), "", time.Now()
			continue
		}
		m.state.Outcome, m.state.Number, m.state.Since = Outcome{State: Queued}, "", time.Now()
		if cause := forecast.admits(m.ways); cause == "" {
			called++
		} else if cause.limits() {
			err = ErrLimit
		}
		s := newSearch(g, c, m, p)
		s.in, s.older, s.left = in, older, m.ways
		turn = s.queue(turn)
		s.start()
	}
	if p.left == 0 {
		p.giveUp(nil)
	} else {
		g.presses[p] = struct{}{}
	}
	if called > 0 {
		err = nil
	}
	return called, err
}

// here reports whether a member is in the room: in is who is, by the roster, and who has answered a call of
// ours and is not just being received is too, under whatever number the roster has him. The lock is held.
func (g *Groups) here(c *groupCall, m *member, in map[Key]bool) bool {
	for _, key := range m.keys {
		if in[key] || m.stop == nil && g.dialer.talks(c.room, key) {
			return true
		}
	}
	return false
}

// soughtElsewhere reports whether a member is being called into the room as a member of another group. He is the same
// if his first number is. The lock is held.
func (g *Groups) soughtElsewhere(c *groupCall, m *member) bool {
	for _, other := range g.calls[c.room] {
		if other != c && slices.ContainsFunc(other.members, func(o *member) bool { return o.stop != nil && o.keys[0] == m.keys[0] }) {
			return true
		}
	}
	return false
}
