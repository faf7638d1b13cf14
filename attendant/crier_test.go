package attendant

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipconf/sipconf/rooms"
)

// The crier in fake time: two rooms, each with its own window; a room that is gone is told nothing; and after the end nobody is.
func TestCrier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var said []string
		c := newCrier(new(Office).worker(crying, nil), func(room string, told tidings) time.Duration {
			said = append(said, time.Since(began).String()+" "+room+": "+told.String())
			return time.Second
		}, nil, func(r any) { t.Error(r) })
		happens := func(after time.Duration, kind rooms.Kind, room, number string) {
			time.Sleep(after - time.Since(began)) // fake time
			c.hear(rooms.Event{Kind: kind, Room: room, Call: "call-" + number, Number: number})
		}
		happens(0, rooms.Left, "1", "999")
		happens(0, rooms.Joined, "1", "201")
		happens(0, rooms.Joined, "2", "301")
		happens(1*time.Second, rooms.Joined, "1", "202")
		happens(2*time.Second, rooms.Joined, "2", "302")
		happens(2*time.Second, rooms.Talking, "2", "302")
		happens(2500*time.Millisecond, rooms.Joined, "1", "203")
		happens(5*time.Second, rooms.Left, "1", "203")
		happens(6*time.Second, rooms.Left, "1", "202")
		happens(7*time.Second, rooms.Joined, "2", "303")
		happens(8*time.Second, rooms.RoomGone, "2", "")
		happens(12*time.Second, rooms.Joined, "1", "204")
		time.Sleep(time.Second)
		c.close()
		c.close()
		happens(14*time.Second, rooms.Joined, "1", "205")
		time.Sleep(time.Minute)
		want := []string{"3s 1: +202 +203", "4s 2: +302", "8s 1: -203 -202"}
		if !slices.Equal(said, want) {
			t.Errorf("told\n%q, want\n%q", said, want)
		}
	})
}
