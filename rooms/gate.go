package rooms

import "sync"

// gate is what is shut while a directory is paused: recordings go through it to their tapes, and rooms to other loops. Safe for concurrent use; the zero value is open.
type gate struct {
	mu     sync.Mutex
	inside int           // are busy behind it
	shut   chan struct{} // closed when it opens; nil: it is open
	empty  chan struct{} // closed when nobody is inside any more; nil: nobody waits for that
}

// enter waits until the gate is open. leave follows.
func (g *gate) enter() {
	for {
		shut := g.tryEnter()
		if shut == nil {
			return
		}
		<-shut
	}
}

// tryEnter goes in; or it returns what is closed when the gate opens.
func (g *gate) tryEnter() (shut <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut != nil {
		return g.shut
	}
	g.inside++
	return nil
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inside--; g.inside == 0 && g.empty != nil {
		close(g.empty)
		g.empty = nil
	}
}

// close lets nobody in any more. What it returns is closed when all are out who were inside.
func (g *gate) close() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut == nil {
		g.shut = make(chan struct{})
	}
	if g.inside > 0 {
		if g.empty == nil {
			g.empty = make(chan struct{})
		}
		return g.empty
	}
	empty := make(chan struct{})
	close(empty)
	return empty
}

// open lets all in who wait. One that is open stays so.
func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut != nil {
		close(g.shut)
		g.shut = nil
	}
}
