package media

// Reports gives the leg a socket for RTCP, which it may then share with RTP (Session.Mux).
func (l *Leg) Reports(conn Conn) { l.control.conn = conn }

// ServeReports has the reporter come by at that time.
func (l *Leg) ServeReports(now int64, b []byte) { l.control.serve(l, now, b) }

// SSRC is that of the leg's own stream.
func (l *Leg) SSRC() uint32 { return l.state.Sender.SSRC }
