package sdp

import (
	"bytes"
	"fmt"
)

// Bytes writes d as SDP, in the order of lines that RFC 8866 section 5 prescribes and with CRLF line ends.
// Parse reads it back to an equal Description.
//
// The session name is "-", as RFC 3264 section 5 recommends for unicast; nobody's display shows it.
func (d *Description) Bytes() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "v=0\r\n")
	fmt.Fprintf(&b, "o=%s %s %s %s\r\n", d.Origin.Username, d.Origin.SessionID, d.Origin.Version, d.Origin.Address)
	fmt.Fprintf(&b, "s=-\r\n")
	if d.Connection != (Address{}) {
		fmt.Fprintf(&b, "c=%s\r\n", d.Connection)
	}
	fmt.Fprintf(&b, "t=%s\r\n", d.Timing)
	for i := range d.Media {
		d.Media[i].write(&b, d.Connection)
	}
	return b.Bytes()
}

// String returns the address as SDP writes it, such as "IN IP4 192.0.2.1".
func (a Address) String() string {
	return a.Network + " " + a.Type + " " + a.Host
}

// write writes m's lines. What m shares with the session is not repeated, apart from the direction of a live
// stream: some devices take the lack of one for "unchanged", not for sendrecv.
func (m *Media) write(b *bytes.Buffer, session Address) {
	fmt.Fprintf(b, "m=%s %d %s", m.Kind, m.Port, m.Proto)
	for i := range m.Formats {
		fmt.Fprintf(b, " %s", m.Formats[i].ID)
	}
	fmt.Fprintf(b, "\r\n")
	if m.Connection != session && m.Connection != (Address{}) {
		fmt.Fprintf(b, "c=%s\r\n", m.Connection)
	}
	for i := range m.Formats {
		m.Formats[i].write(b)
	}
	if m.Ptime != 0 {
		fmt.Fprintf(b, "a=ptime:%d\r\n", m.Ptime.Milliseconds())
	}
	if m.MaxPtime != 0 {
		fmt.Fprintf(b, "a=maxptime:%d\r\n", m.MaxPtime.Milliseconds())
	}
	m.RTCP.write(b)
	if m.Mux {
		fmt.Fprintf(b, "a=rtcp-mux\r\n")
	}
	if m.Port != 0 || m.Direction != SendRecv {
		fmt.Fprintf(b, "a=%s\r\n", m.Direction)
	}
}

// write writes the rtpmap and fmtp of f, as far as it has them.
func (f *Format) write(b *bytes.Buffer) {
	if f.Encoding != "" {
		fmt.Fprintf(b, "a=rtpmap:%s %s", f.ID, f.Encoding)
		if f.ClockRate != 0 {
			fmt.Fprintf(b, "/%d", f.ClockRate)
		}
		if f.Channels != 0 {
			fmt.Fprintf(b, "/%d", f.Channels)
		}
		fmt.Fprintf(b, "\r\n")
	}
	if f.Params != "" {
		fmt.Fprintf(b, "a=fmtp:%s %s\r\n", f.ID, f.Params)
	}
}

func (r RTCP) write(b *bytes.Buffer) {
	switch {
	case r.Port == 0:
	case r.Address == Address{}:
		fmt.Fprintf(b, "a=rtcp:%d\r\n", r.Port)
	default:
		fmt.Fprintf(b, "a=rtcp:%d %s\r\n", r.Port, r.Address)
	}
}
