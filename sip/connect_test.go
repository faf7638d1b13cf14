package sip

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestConnectionIsMadeAsLongAsAnybodyWantsIt: one who gives up does not take it
// from the others.
func TestConnectionIsMadeAsLongAsAnybodyWantsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s connections
		dials := 0
		dial := func(ctx context.Context) (string, error) { dials++; <-ctx.Done(); return "", ctx.Err() }
		one, two := s.want("a", dial), s.want("a", dial)
		other := s.want("b", func(context.Context) (string, error) { return "", errors.New("refused") })
		<-other.done
		s.unwant("a", one)
		synctest.Wait()
		select {
		case <-two.done:
			t.Error("it is not made any more")
		default:
		}
		s.unwant("a", two)
		<-two.done
		if dials != 1 || !errors.Is(two.err, context.Canceled) || other.err == nil || other.err.Error() != "refused" {
			t.Errorf("%d dials, %v, %v", dials, two.err, other.err)
		}
		start := time.Now()
		again := s.want("a", dial) // and after 32 s nobody waits any more
		<-again.done
		if d := time.Since(start); d != 64*t1 || dials != 2 || len(s.being) != 0 {
			t.Errorf("after %v, %d dials, %d left", d, dials, len(s.being))
		}
	})
}
