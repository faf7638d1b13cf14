package rooms

import (
	"fmt"
	"reflect"
	"testing"
)

// TestAllSocketsAreAsked: a tick after somebody has come or gone the room asks for the sockets of all who are there, each of them once.
func TestAllSocketsAreAsked(t *testing.T) {
	h := newHouse(t, Config{})
	var there []*Participant
	asked := func() map[int64]bool {
		found := make(map[int64]bool)
		r := there[0].seat.room
		runOn(r.loop, func() {
			list := reflect.ValueOf(&r.sockets).Elem().FieldByName("asked")
			for i := range list.Len() {
				if fd := list.Index(i).FieldByName("fd").Int(); fd >= 0 {
					found[fd] = true
				}
			}
		})
		return found
	}
	for i := range 12 {
		c := h.calls(fmt.Sprint(i))
		defer c.leg.Close()
		there = append(there, h.seat("5234").Join(c))
	}
	waitFor(t, "the sockets of twelve", func() bool { return len(asked()) == 12 })
	there[1].Leave("hung up")
	there[11].Leave("hung up")
	waitFor(t, "the sockets of ten", func() bool { return len(asked()) == 10 })
}
