//go:build e2e && linux

package groups

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/sipconf/sipconf/dialout/groups/dbtest"
)

func TestE2EPostgres(t *testing.T) {
	t.Parallel()
	testServer(t, dbtest.PostgreSQL(t), "SELECT extension FROM conf_groups WHERE groupid = $1 AND pg_sleep(60) IS NOT NULL")
}

func TestE2EMariaDB(t *testing.T) {
	t.Parallel()
	testServer(t, dbtest.MariaDB(t), "SELECT extension FROM conf_groups WHERE groupid = ? AND SLEEP(60) = 0")
}

// testServer is what a database must do that is a process of its own.
func testServer(t *testing.T, s *dbtest.Server, slowQuery string) {
	url := s.URL
	g := newGround(t, url)
	wantCause(t, g.down(), "connection refused")
	s.Start()
	testStore(t, url)

	g.empty()
	g.puts(Changes{Added: 1}, row("100", "201", "Anna", ""))
	t.Run("a wrong password", func(t *testing.T) {
		wrong := newGround(t, strings.Replace(url, "geheim", "anders", 1))
		err := wrong.down()
		if errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "sipconf") {
			t.Errorf("got %v, want that the user is refused", err)
		}
	})
	t.Run("a slow query", func(t *testing.T) {
		slow := &ground{t, url, open(t, url, Options{Query: slowQuery})}
		wantSlow(t, slow.down())
	})
	t.Run("the server stands still", func(t *testing.T) {
		s.Freeze()
		all := sync.WaitGroup{}
		for range 12 { // more than may ask at a time
			all.Go(func() {
				if _, err := g.store.Members(inTime(t), "100"); !errors.Is(err, ErrDown) || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v, want no answer in time", err)
				}
			})
		}
		all.Wait()
		s.Thaw()
		g.extensions("100", "201")
	})
	t.Run("killed in the middle", func(t *testing.T) {
		killedInTheMiddle(t, s, g.store)
		g.extensions("100", "201")
		g.puts(Changes{Added: 1}, row("100", "202", "Boris", ""))
		g.extensions("100", "201", "202")
	})
}

// killedInTheMiddle kills the server while eight ask all the time, and starts it again on the same port.
func killedInTheMiddle(t *testing.T, s *dbtest.Server, store Store) {
	t.Helper()
	var asking, answered, refused sync.WaitGroup
	answered.Add(8)
	refused.Add(8)
	stop := make(chan struct{})
	for range 8 {
		asking.Go(func() {
			once, never := sync.OnceFunc(answered.Done), sync.OnceFunc(refused.Done)
			defer once()
			defer never()
			for {
				members, err := store.Members(inTime(t), "100")
				switch {
				case err == nil && len(members) == 1:
					once()
				case errors.Is(err, ErrDown):
					never()
				default:
					t.Errorf("got %v, %v, want Anna, or that the store is down", members, err)
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	answered.Wait()
	s.Kill()
	refused.Wait()
	s.Start()
	close(stop)
	asking.Wait()
}

func TestMain(m *testing.M) {
	// pgx and the MySQL driver look at the environment and the home of whoever runs the test.
	for _, name := range []string{"PGPASSWORD", "PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGSSLMODE", "PGSERVICE", "PGPASSFILE", "PGCONNECT_TIMEOUT"} {
		os.Unsetenv(name)
	}
	os.Exit(m.Run())
}
