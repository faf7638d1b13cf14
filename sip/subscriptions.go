package sip

import (
	"maps"
	"slices"
	"sync"
)

// How many subscriptions there may be. Each is some KiB of memory, and each
// change of what it is about a NOTIFY.
const (
	mostSubscriptions = 4000 // in all
	mostOfResource    = 500  // to one resource
	mostOfSource      = 400  // from one address and port, which may be a proxy's
)

// topic is what somebody may be told of: the resource of an event package.
type topic struct{ event, resource string }

// subscriptions are all there are. Safe for concurrent use; the zero value has
// none.
type subscriptions struct {
	alive sync.WaitGroup // one for each

	mu       sync.Mutex
	closed   bool
	all      map[*subscription]struct{}
	byDialog map[dialogID][]*subscription
	byTopic  map[topic][]*subscription
	bySource map[string]int
}

// add takes a subscription on the books; false: there are too many, or the user
// agent is being closed.
func (l *subscriptions) add(s *subscription) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || len(l.all) >= mostSubscriptions || len(l.byTopic[s.topic()]) >= mostOfResource || l.bySource[s.Source] >= mostOfSource {
		return false
	}
	if l.all == nil {
		l.all, l.byDialog = make(map[*subscription]struct{}), make(map[dialogID][]*subscription)
		l.byTopic, l.bySource = make(map[topic][]*subscription), make(map[string]int)
	}
	l.all[s] = struct{}{}
	l.byDialog[s.Of] = append(l.byDialog[s.Of], s)
	l.byTopic[s.topic()] = append(l.byTopic[s.topic()], s)
	l.bySource[s.Source]++
	l.alive.Add(1)
	return true
}

// remove takes it off them. Safe to call twice.
func (l *subscriptions) remove(s *subscription) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, there := l.all[s]; !there {
		return
	}
	delete(l.all, s)
	without(l.byDialog, s.Of, s)
	without(l.byTopic, s.topic(), s)
	if l.bySource[s.Source]--; l.bySource[s.Source] == 0 {
		delete(l.bySource, s.Source)
	}
	l.alive.Done()
}

// without takes s from the list at key, and the list from the map with its last.
func without[K comparable](lists map[K][]*subscription, key K, s *subscription) {
	if lists[key] = slices.DeleteFunc(lists[key], func(other *subscription) bool { return other == s }); len(lists[key]) == 0 {
		delete(lists, key)
	}
}

// every is all there are.
func (l *subscriptions) every() []*subscription {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Collect(maps.Keys(l.all))
}

// in are the subscriptions of a dialog.
func (l *subscriptions) in(id dialogID) []*subscription {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.byDialog[id])
}

// to are those who are told of something.
func (l *subscriptions) to(t topic) []*subscription {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.byTopic[t])
}

// close takes no more, and returns those there are.
func (l *subscriptions) close() []*subscription {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	return slices.Collect(maps.Keys(l.all))
}

// leave gives the dialog of a call that has ended to those who have shared it.
func (l *subscriptions) leave(c *Call) {
	heirs := l.in(c.Dialog.id())
	if len(heirs) == 0 {
		return
	}
	h := &home{endpoint: c.endpoint, dialog: c.Dialog, login: c.Login.copy()}
	for _, s := range heirs {
		s.inherit(c, h)
	}
}

// Changed says that there is something new to tell of a resource of a package.
// It does not block.
func (u *UA) Changed(event, resource string) {
	for _, s := range u.subscriptions.to(topic{event, resource}) {
		s.change()
	}
}

// Gone says that there is nothing more to tell of a resource, ever: all who are
// told of it get a last NOTIFY. It does not block.
func (u *UA) Gone(event, resource string) {
	for _, s := range u.subscriptions.to(topic{event, resource}) {
		s.end("noresource")
	}
}

// Expelled says that whoever is on the call of that ID may not be told of a
// resource any more: what he has subscribed to in its dialog ends. It does not
// block.
func (u *UA) Expelled(event, resource, call string) {
	for _, s := range u.subscriptions.to(topic{event, resource}) {
		if s.Of.CallID == call {
			s.end(rejected)
		}
	}
}

// Subscriptions tells how many subscriptions there are, by the name of their
// event.
func (u *UA) Subscriptions() map[string]int {
	counts := make(map[string]int)
	u.subscriptions.mu.Lock()
	defer u.subscriptions.mu.Unlock()
	for s := range u.subscriptions.all {
		counts[s.Event.Name]++
	}
	return counts
}
