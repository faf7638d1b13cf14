package media

// order is something that another goroutine wants of a leg.  Orders are queued without a lock, because the tick takes them.
type order struct {
	session *Session // a negotiation
	mux     *muxed   // of the negotiation; nil: RTCP has its own port
	digit   byte     // or a key
	earlier *order
}

// give queues an order; from any goroutine.
func (l *Leg) give(o *order) {
	for {
		o.earlier = l.orders.Load()
		if l.orders.CompareAndSwap(o.earlier, o) {
			return
		}
	}
}

// takeOrders carries the queued orders out, oldest first.
func (l *Leg) takeOrders(now int64) {
	if l.orders.Load() == nil { // nearly always
		return
	}
	var first *order
	for o := l.orders.Swap(nil); o != nil; {
		o.earlier, first, o = first, o, o.earlier
	}
	for o := first; o != nil; o = o.earlier {
		if o.session != nil {
			l.mux = o.mux
			l.negotiated(*o.session)
		} else {
			l.report(o.digit, true, now)
		}
	}
}
