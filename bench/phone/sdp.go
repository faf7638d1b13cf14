package phone

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Direction is which way the sound goes, seen from this phone (RFC 4566 6).
type Direction uint8

const (
	Inactive Direction = 0
	SendOnly Direction = 1
	RecvOnly Direction = 2
	SendRecv Direction = 3
)

var directionNames = [...]string{"inactive", "sendonly", "recvonly", "sendrecv"}

func (d Direction) String() string { return directionNames[d&3] }

// flip is the same direction seen from the other side.
func (d Direction) flip() Direction { return d&1<<1 | d&2>>1 }

// ErrSDP is the mistake of a peer whose session description this phone cannot use.
var ErrSDP = errors.New("sdp")

// description is what this phone reads of a peer's SDP.
type description struct {
	version   uint64
	media     []string // the m-lines as they came: an answer needs as many (RFC 3264 6)
	chosen    int      // index of the audio stream in media
	addr      netip.AddrPort
	rtcp      netip.AddrPort
	direction Direction
	codecs    []Codec // those we know, in the peer's order
	eventPT   uint8
	ptime     time.Duration
}

// sdpReader gathers what parseSDP needs until the last line is read.
type sdpReader struct {
	d                *description
	seen             [256]bool
	session, media   netip.Addr // c= of the session and of the stream
	sessionDirection Direction
	port             uint16
	formats          []string
	names            map[string]string // encoding by payload type
	rtcp             string
}

// parseSDP reads a description. It is strict where RFC 8866 has a MUST that matters to a phone: the peer is under test.
func parseSDP(b []byte) (*description, error) {
	r := &sdpReader{d: &description{chosen: -1, direction: SendRecv}, sessionDirection: SendRecv,
		names: map[string]string{"0": "PCMU", "8": "PCMA"}} // RFC 3551 6: static, legal without rtpmap
	for _, line := range strings.Split(strings.TrimRight(string(b), "\r\n"), "\n") {
		line = strings.TrimSuffix(line, "\r")
		if len(line) < 2 || line[1] != '=' {
			return nil, fmt.Errorf("%w: line %q", ErrSDP, line)
		}
		if err := r.line(line[0], line[2:]); err != nil {
			return nil, err
		}
	}
	return r.finish()
}

// inStream says that the line belongs to the audio stream that we chose.
func (r *sdpReader) inStream() bool { return r.d.chosen >= 0 && r.d.chosen == len(r.d.media)-1 }

func (r *sdpReader) line(kind byte, value string) error {
	r.seen[kind] = true
	switch kind {
	case 'o':
		fields := strings.Fields(value)
		if len(fields) != 6 {
			return fmt.Errorf("%w: origin %q", ErrSDP, value)
		}
		version, err := strconv.ParseUint(fields[2], 10, 64)
		if err != nil {
			return fmt.Errorf("%w: version %q", ErrSDP, value)
		}
		r.d.version = version
	case 'c':
		addr, err := connection(value)
		switch {
		case err != nil:
			return err
		case len(r.d.media) == 0:
			r.session = addr
		case r.inStream():
			r.media = addr
		}
	case 'm':
		return r.stream(value)
	case 'a':
		r.attribute(value)
	}
	return nil
}

// stream reads an m-line; the first audio stream that is not refused is ours.
func (r *sdpReader) stream(value string) error {
	r.d.media = append(r.d.media, value)
	fields := strings.Fields(value)
	if len(fields) < 4 {
		return fmt.Errorf("%w: media %q", ErrSDP, value)
	}
	port, err := strconv.ParseUint(fields[1], 10, 16)
	if err != nil {
		return fmt.Errorf("%w: media %q", ErrSDP, value)
	}
	if r.d.chosen < 0 && fields[0] == "audio" && fields[2] == "RTP/AVP" && port != 0 {
		r.d.chosen, r.d.direction = len(r.d.media)-1, r.sessionDirection
		r.port, r.formats = uint16(port), fields[3:]
	}
	return nil
}

func (r *sdpReader) attribute(value string) {
	key, rest, _ := strings.Cut(value, ":")
	if dir, ok := directionByName(key); ok && len(r.d.media) == 0 {
		r.sessionDirection = dir
	} else if ok && r.inStream() {
		r.d.direction = dir
	}
	if !r.inStream() {
		return
	}
	switch key {
	case "rtpmap":
		pt, encoding, _ := strings.Cut(rest, " ")
		parts := strings.Split(encoding, "/")
		delete(r.names, pt)
		if len(parts) >= 2 && parts[1] == "8000" {
			r.names[pt] = strings.ToUpper(parts[0])
		}
	case "rtcp":
		r.rtcp = rest
	case "ptime":
		if ms, err := strconv.Atoi(strings.TrimSpace(rest)); err == nil {
			r.d.ptime = time.Duration(ms) * time.Millisecond
		}
	}
}

func (r *sdpReader) finish() (*description, error) {
	for _, need := range "vost" {
		if !r.seen[need] {
			return nil, fmt.Errorf("%w: no %c= line", ErrSDP, need)
		}
	}
	d := r.d
	if d.chosen < 0 {
		return nil, fmt.Errorf("%w: no audio stream", ErrSDP)
	}
	if !r.media.IsValid() {
		r.media = r.session
	}
	if !r.media.IsValid() {
		return nil, fmt.Errorf("%w: no c= line", ErrSDP)
	}
	d.addr = netip.AddrPortFrom(r.media, r.port)
	for _, pt := range r.formats {
		n, err := strconv.ParseUint(pt, 10, 7)
		if err != nil {
			return nil, fmt.Errorf("%w: format %q", ErrSDP, pt)
		}
		if codec, ok := codecByName(r.names[pt]); ok {
			d.codecs = append(d.codecs, codec)
		}
		if r.names[pt] == "TELEPHONE-EVENT" {
			d.eventPT = uint8(n)
		}
	}
	return d, d.control(r.rtcp)
}

// control finds the peer's RTCP address: a=rtcp (RFC 3605), or the port above.
func (d *description) control(rtcp string) error {
	d.rtcp = netip.AddrPortFrom(d.addr.Addr(), d.addr.Port()+1)
	if rtcp == "" {
		return nil
	}
	port, rest, _ := strings.Cut(rtcp, " ")
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return fmt.Errorf("%w: rtcp %q", ErrSDP, rtcp)
	}
	d.rtcp = netip.AddrPortFrom(d.addr.Addr(), uint16(n))
	if rest != "" {
		addr, err := connection(rest)
		if err != nil {
			return err
		}
		d.rtcp = netip.AddrPortFrom(addr, uint16(n))
	}
	return nil
}

func connection(value string) (netip.Addr, error) {
	fields := strings.Fields(value)
	if len(fields) != 3 || fields[0] != "IN" {
		return netip.Addr{}, fmt.Errorf("%w: connection %q", ErrSDP, value)
	}
	host, _, _ := strings.Cut(fields[2], "/")
	addr, err := resolve(host)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("%w: connection %q", ErrSDP, value)
	}
	return addr, nil
}

func directionByName(name string) (Direction, bool) {
	for i, n := range directionNames {
		if n == name {
			return Direction(i), true
		}
	}
	return 0, false
}

// ours is our side of the session. A value: an offer that is refused leaves the old one in force.
type ours struct {
	addr        netip.AddrPort // of the RTP socket
	session     uint64
	version     uint64 // counts up exactly when the text changes (RFC 3264 8)
	text        string // what was said last, but for the origin
	direction   Direction
	zeroAddress bool // hold in the manner of RFC 2543: c=0.0.0.0
	codecs      []Codec
	ptime       time.Duration
}

// spend notes that a version was used in an offer that came to nothing: the next description is a newer one.
func (o *ours) spend(version uint64) { o.version, o.text = max(o.version, version), "" }

// offer formats all we can.
func (o *ours) offer() []byte {
	return o.format(o.codecs, offeredEventPT, o.direction, nil)
}

// answer formats what we take of an offer, and says what that agrees on.
func (o *ours) answer(d *description) ([]byte, agreed, error) {
	codec, ok := o.choose(d.codecs)
	if !ok {
		return nil, agreed{}, fmt.Errorf("%w: no codec in common", ErrSDP)
	}
	direction := o.direction & d.direction.flip()
	b := o.format([]Codec{codec}, d.eventPT, direction, d)
	a := d.agree(codec, direction)
	a.ownEventPT = d.eventPT // the offerer's numbers hold in the answer (RFC 3264 6.1)
	return b, a, nil
}

// choose takes the first codec of the offerer that we have.
func (o *ours) choose(offered []Codec) (Codec, bool) {
	for _, theirs := range offered {
		for _, own := range o.codecs {
			if theirs == own {
				return own, true
			}
		}
	}
	return 0, false
}

// accept is the outcome when the peer answered our offer.
func (o *ours) accept(d *description) (agreed, error) {
	codec, ok := o.choose(d.codecs)
	if !ok {
		return agreed{}, fmt.Errorf("%w: answer has none of the codecs offered", ErrSDP)
	}
	if len(d.media) != 1 {
		return agreed{}, fmt.Errorf("%w: answer has %d m-lines to an offer of 1", ErrSDP, len(d.media))
	}
	if theirs := d.direction; theirs&^o.direction.flip() != 0 {
		return agreed{}, fmt.Errorf("%w: answer %s to an offer of %s", ErrSDP, theirs, o.direction)
	}
	a := d.agree(codec, o.direction&d.direction.flip())
	a.ownEventPT = offeredEventPT
	return a, nil
}

// agreed is what offer and answer came to.
type agreed struct {
	remote, remoteRTCP netip.AddrPort
	codec              Codec
	eventPT            uint8 // the peer's; 0: none
	ownEventPT         uint8
	direction          Direction
	sends              bool
}

func (d *description) agree(codec Codec, direction Direction) agreed {
	a := agreed{codec: codec, eventPT: d.eventPT, direction: direction}
	if d.addr.Addr().IsUnspecified() || d.addr.Port() == 0 {
		return a
	}
	a.remote, a.remoteRTCP = d.addr, d.rtcp
	a.sends = direction&SendOnly != 0
	return a
}

// format writes the description; in an answer, every stream but the chosen one is refused with port 0 (RFC 3264 6).
func (o *ours) format(codecs []Codec, eventPT uint8, direction Direction, offer *description) []byte {
	family, addr := "IP4", o.addr.Addr().String()
	if o.addr.Addr().Is6() {
		family = "IP6"
	}
	shown := addr
	if o.zeroAddress {
		shown = "0.0.0.0"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "s=-\r\nc=IN %s %s\r\nt=0 0\r\n", family, shown)
	refuse := func(line string) {
		fields := strings.Fields(line)
		fields[1] = "0"
		fmt.Fprintf(&b, "m=%s\r\n", strings.Join(fields, " "))
	}
	if offer != nil {
		for _, line := range offer.media[:offer.chosen] {
			refuse(line)
		}
	}
	fmt.Fprintf(&b, "m=audio %d RTP/AVP", o.addr.Port())
	for _, c := range codecs {
		fmt.Fprintf(&b, " %d", c)
	}
	if eventPT != 0 {
		fmt.Fprintf(&b, " %d", eventPT)
	}
	b.WriteString("\r\n")
	for _, c := range codecs {
		fmt.Fprintf(&b, "a=rtpmap:%d %s/8000\r\n", c, c)
	}
	if eventPT != 0 {
		fmt.Fprintf(&b, "a=rtpmap:%d telephone-event/8000\r\na=fmtp:%d 0-15\r\n", eventPT, eventPT)
	}
	fmt.Fprintf(&b, "a=ptime:%d\r\na=%s\r\n", o.ptime.Milliseconds(), direction)
	if offer != nil {
		for _, line := range offer.media[offer.chosen+1:] {
			refuse(line)
		}
	}
	if text := b.String(); text != o.text {
		o.text = text
		o.version++
	}
	return fmt.Appendf(nil, "v=0\r\no=- %d %d IN %s %s\r\n%s", o.session, o.version, family, addr, o.text)
}
