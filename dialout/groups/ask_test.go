package groups

import (
	"context"
	"database/sql/driver"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A deaf driver connects to nobody, until whoever asks gives up.  It counts who asks.
type deaf struct {
	driver.Connector
	asked atomic.Int64
}

func (d *deaf) Connect(ctx context.Context) (driver.Conn, error) {
	d.asked.Add(1)
	<-ctx.Done()
	return nil, errors.New("the line was cut")
}

// TestTheTimeOfALookup: it is the time that whoever asks waits, also for his turn, and to the moment; and however
// many ask, a database that is slow already is not burdened with more than four.
func TestTheTimeOfALookup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		connector := new(deaf)
		store := newTable(&source{shown: "deaf", dialect: postgres, connector: connector}, "")
		began := time.Now()
		var all sync.WaitGroup
		for range 5 * slots {
			all.Go(func() {
				_, err := store.Members(t.Context(), "100")
				if took := time.Since(began); took != LookupTime || !errors.Is(err, ErrDown) {
					t.Errorf("got %v after %v, want that the store is down after %v", err, took, LookupTime)
				}
			})
		}
		synctest.Wait()
		if n := connector.asked.Load(); n != slots {
			t.Errorf("%d ask at a time, want %d", n, slots)
		}
		all.Wait()

		// An edit has more time, but not to connect.
		began = time.Now()
		_, err := store.Rows(t.Context())
		if took := time.Since(began); took != connectTime || err == nil || err.Error() != "the groups in deaf: no answer within 3s" {
			t.Errorf("got %v after %v", err, took)
		}
	})
}

// TestWhoWaitsForLongIsToldHowLong: of an edit whose statements take too long.
func TestWhoWaitsForLongIsToldHowLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newTable(&source{shown: "deaf", dialect: postgres, connector: new(deaf)}, "")
		question, end := context.WithTimeout(t.Context(), editTime)
		defer end()
		<-question.Done()
		err := store.explain(t.Context(), question, editTime, errors.New("the line was cut"))
		if !errors.Is(err, context.DeadlineExceeded) || err.Error() != "the groups in deaf: no answer within 2m0s" {
			t.Errorf("got %v", err)
		}
	})
}
