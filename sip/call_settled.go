package sip

import sipgo "github.com/emiago/sipgo/sip"

// Settled is closed when the far side has said its last word on the INVITE: at
// once when it has answered, and when it has refused or could not be reached.
// After Cancel, when its 487 has come, or when a 200 that has crossed the CANCEL
// is acknowledged and its BYE answered. Each of these waits is given up after
// 32 s. Until then the far side may have the call.
func (a *Attempt) Settled() <-chan struct{} { return a.settled }

// settle closes it. Only the call's goroutine does.
func (a *Attempt) settle() {
	select {
	case <-a.settled:
	default:
		close(a.settled)
	}
}

// Gone is closed some time after Done, when nothing of the call is left: its
// BYE is answered, or given up after 32 s, or, with Target.Watch, at once when
// ICMP says that nobody is there; and its handler, if it has one, has returned. Until then the far
// side may have it.
func (c *Call) Gone() <-chan struct{} { return c.gone }

// HungUp tells whether the peer has ended the call because it wanted to, and not
// because of a fault: its BYE has no Reason (RFC 3326), or states normal
// clearing (Q.850 cause 16) or SIP 200. False before the end.
func (c *Call) HungUp() bool { return c.Ended().Deliberate }

// deliberate tells whether a BYE names no fault.
func deliberate(bye *sipgo.Request) bool {
	for _, r := range reasonsIn(bye) {
		if !r.normal() {
			return false
		}
	}
	return true
}
