package media

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
)

// breakage is a panic that a loop survived.
type breakage struct {
	bus    Bus // nil: it was a function given to Do
	reason any
	stack  []byte
}

// Error makes a panic of a hand readable where nobody recovers it.
func (b *breakage) Error() string { return fmt.Sprintf("%v\n%s", b.reason, b.stack) }

// report logs a panic and tells the owner of the bus; off the loop.
func (b breakage) report(log *slog.Logger, tell func(Bus, any)) {
	log.LogAttrs(context.Background(), slog.LevelError, "panic on the media loop",
		slog.String("bus", fmt.Sprintf("%T", b.bus)), slog.Any("err", b.reason), slog.String("stack", string(b.stack)))
	if b.bus != nil && tell != nil {
		tell(b.bus, b.reason)
	}
}

// breakages are panics on their way from the loops to the log.  None may be lost: the callers of a room that broke sit in silence until
// its owner is told.  A loop that has just survived a panic may take a lock and memory for it.
type breakages struct {
	wake chan struct{} // holds one; closed when no loop runs any more

	mu   sync.Mutex
	list []breakage
}

func newBreakages() *breakages { return &breakages{wake: make(chan struct{}, 1)} }

// add never blocks; from any loop.
func (b *breakages) add(broken breakage) {
	b.mu.Lock()
	b.list = append(b.list, broken)
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default: // a wake-up is on its way and will find this, too
	}
}

// take takes all that has been added, oldest first.
func (b *breakages) take() []breakage {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.list
	b.list = nil
	return list
}
