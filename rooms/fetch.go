package rooms

import (
	"unsafe"

	"github.com/sipconf/sipconf/media"
	"github.com/sipconf/sipconf/media/fetch"
)

// fetchAhead has the processor bring near what is needed of those who are served after the first: of each further one something that the one
// before has led to.
func fetchAhead(members []*Participant) {
	if len(members) > 3 {
		fetch.Lines(unsafe.Pointer(members[3]), 0, unsafe.Offsetof(members[0].mate))
	}
	if len(members) > 2 {
		members[2].leg.Fetch()
	}
	if len(members) > 1 {
		members[1].leg.FetchFar()
	}
}

// What each tick needs of a room: where it begins, and how many bytes it is.
const (
	fetchRoom = unsafe.Offsetof(Room{}.members)
	fetchSize = unsafe.Offsetof(Room{}.recording) + unsafe.Sizeof(Room{}.recording) - fetchRoom
)

// Fetch has the processor bring near those with whom the room's tick begins, of whom fetchAhead would come too late: step by step, for each leads to
// the next.
func (r *Room) Fetch(before int) {
	if before == media.FetchAhead { // nothing may be read yet
		fetch.Lines(unsafe.Pointer(r), fetchRoom, fetchSize)
		return
	}
	switch first := min(2, len(r.members)); before {
	case media.FetchAhead - 1:
		if first > 0 {
			fetch.Lines(unsafe.Pointer(&r.members[0]), 0, 4*unsafe.Sizeof(r.members[0]))
		}
	case media.FetchAhead - 2:
		for _, p := range r.members[:min(3, len(r.members))] {
			fetch.Lines(unsafe.Pointer(p), 0, unsafe.Offsetof(p.mate))
		}
	case media.FetchAhead - 3:
		for _, p := range r.members[:first] {
			p.leg.Fetch()
		}
	case media.FetchAhead - 4:
		if first > 0 {
			r.members[0].leg.FetchFar()
		}
	}
}
