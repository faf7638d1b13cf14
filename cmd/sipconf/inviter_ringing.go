package main

import (
	"sync"

	"github.com/sipconf/sipconf/sip"
)

// ringing are the INVITEs of ours that wait for an answer. A call that comes in may be that answer (RFC 3891): somebody picks up at another phone. The
// zero value is none.
type ringing struct {
	mu  sync.Mutex
	all map[string]chan *sip.Call // by Call-ID; holds one
}

// wait has the answer of whoever picks up come by the channel, until over is called, which hangs up who has come too late.
func (r *ringing) wait(id string) (picked <-chan *sip.Call, over func()) {
	answer := make(chan *sip.Call, 1)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil {
		r.all = make(map[string]chan *sip.Call)
	}
	r.all[id] = answer
	return answer, func() {
		r.mu.Lock()
		delete(r.all, id)
		r.mu.Unlock()
		select {
		case call := <-answer:
			call.Hangup("answered elsewhere")
		default:
		}
	}
}

// rings says whether an answer to that INVITE is awaited.
func (r *ringing) rings(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all[id] != nil
}

// pickUp gives a call as the answer; false: none is awaited any more.
func (r *ringing) pickUp(id string, call *sip.Call) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case r.all[id] <- call: // a nil channel takes nothing
		return true
	default:
		return false
	}
}
