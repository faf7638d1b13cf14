package rooms

import (
	"unsafe"

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
