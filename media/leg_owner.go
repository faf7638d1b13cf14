package media

// attach gives the leg to a loop; on the loop.
func (l *Leg) attach(loop *Loop) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing || l.loop != nil {
		return false
	}
	l.loop, l.work = loop, &loop.work
	legs := int(loop.legs.Add(1))
	loop.work.reserve(legs, l.codec.FrameSize())
	loop.work.row.reserve(legs)
	return true
}

// belongsTo says whether that loop is the leg's.
func (l *Leg) belongsTo(loop *Loop) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.loop == loop
}

// detach takes the leg away from its loop; on the loop.
func (l *Leg) detach(loop *Loop) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.loop == loop {
		l.show()
		l.loop, l.work = nil, nil
		loop.legs.Add(-1)
	}
}

// Close ends the leg: its loop lets go of it, RTCP says goodbye, the sockets are closed and the ports go to rest.
// It waits for all that, for up to one tick.  Idempotent.  From any goroutine but a loop's, which would wait for itself.
func (l *Leg) Close() {
	l.mu.Lock()
	loop, again := l.loop, l.closing
	l.closing = true
	l.mu.Unlock()
	switch {
	case again:
		<-l.closed
		return
	case loop == nil: // the caller is the owner
		l.shut.Store(true)
		l.show()
	default:
		l.leave(loop)
	}
	l.control.close(l)
	l.conn.Close()
	if l.release != nil {
		l.release(l)
	}
	close(l.closed)
}

// stream is what may still come when the call is over: what the peer has sent; if that was nothing, what the one before him did.  For the owner, or
// for Close when there is none any more.
func (l *Leg) stream() Stream {
	if !l.state.Source.Known {
		return l.state.Latch.Gone
	}
	return Stream{l.state.Latch.peer(), l.state.Source.SSRC}
}

// leave waits until the loop has come to know that the leg is shut: from then on it does not touch the socket.
func (l *Leg) leave(loop *Loop) {
	left := make(chan struct{})
	if loop.Do(func() { l.shut.Store(true); l.detach(loop); close(left) }) {
		<-left
		return
	}
	<-loop.ended
	l.shut.Store(true)
	l.detach(loop)
}
