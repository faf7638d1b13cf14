package media

import (
	"testing"
	"time"
)

// counter is a bus that says when it has been ticked.
type counter struct{ ticked chan struct{} }

func (c *counter) Tick(int64) {
	select {
	case c.ticked <- struct{}{}:
	default:
	}
}

// Somebody is held up in the middle of Do, by the scheduler or the collector: the rooms do not wait for him.
func TestTickTakesNoLock(t *testing.T) {
	l, err := startLoop(firstTicks(monotonic(), 1)[0], 0, newBreakages(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	bus, added := &counter{make(chan struct{})}, make(chan struct{})
	l.Do(func() { l.Add(bus); close(added) })
	<-added
	<-bus.ticked // the mail is read
	l.mu.Lock()
	defer l.mu.Unlock() // before close, which wants it
	for range 5 {
		select {
		case <-bus.ticked:
		case <-time.After(10 * time.Second):
			t.Fatal("the loop waits for a lock")
		}
	}
}
