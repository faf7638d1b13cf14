package rooms

import (
	"fmt"
	"maps"
	"reflect"
	"testing"
	"unsafe"

	"github.com/sipconf/sipconf/media"
)

// TestAllSocketsAreAsked: in each tick a large room asks for the sockets of all who are there, and of nobody else.
func TestAllSocketsAreAsked(t *testing.T) {
	h := newHouse(t, Config{MaxParticipants: 1000})
	var there []*Participant
	socket := func(l *media.Leg) int64 { // the leg's only one of a number of its own
		return reflect.ValueOf(l).Elem().FieldByName("conn").Elem().Elem().FieldByName("fd").Int()
	}
	asked := func(among []*Participant) bool {
		found, want := make(map[int64]int), make(map[int64]int)
		for _, p := range among {
			want[socket(p.leg)]++
		}
		r := there[0].seat.room
		var answered bool
		r.wait(func() {
			list := reflect.ValueOf(&r.large.sockets).Elem().FieldByName("asked")
			for i := range list.Len() {
				found[list.Index(i).FieldByName("fd").Int()]++
			}
			answered = len(among) == list.Len()
		})
		return answered && maps.Equal(found, want)
	}
	for i := range largeFrom + 2 {
		c := h.calls(fmt.Sprint(i))
		defer c.leg.Close()
		there = append(there, h.seat("5234").Join(c))
	}
	there[0].seat.room.wait(func() { there[0].seat.room.large.shared = true })
	waitFor(t, "the sockets of all", func() bool { return asked(there) })
	there[1].Leave("hung up")
	there[largeFrom+1].Leave("hung up")
	rest := append(append([]*Participant(nil), there[0]), there[2:largeFrom+1]...)
	waitFor(t, "the sockets of those who stay", func() bool { return asked(rest) })

	answers := func(do func(answer *int16)) {
		r := there[0].seat.room
		r.wait(func() {
			list := reflect.ValueOf(&r.large.sockets).Elem().FieldByName("asked")
			for i := range list.Len() {
				do((*int16)(unsafe.Pointer(list.Index(i).FieldByName("revents").UnsafeAddr())))
			}
		})
	}
	answers(func(answer *int16) { *answer = -1 })
	waitFor(t, "the kernel to say of each that there is nothing to say", func() bool {
		open := 0
		answers(func(answer *int16) { open += int(*answer) })
		return open == 0
	})
}
