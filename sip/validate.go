package sip

import (
	"net/netip"
	"strings"

	sipgo "github.com/emiago/sipgo/sip"
)

// knownMethods are the methods of the SIP RFCs that we do not serve: they get
// 405 with Allow (RFC 3261 section 8.2.1); a method nobody knows gets 501.
var knownMethods = map[sipgo.RequestMethod]bool{
	sipgo.REGISTER: true, sipgo.MESSAGE: true, sipgo.PRACK: true, sipgo.PUBLISH: true,
}

var servedMethods = map[sipgo.RequestMethod]bool{
	sipgo.INVITE: true, sipgo.ACK: true, sipgo.CANCEL: true, sipgo.BYE: true,
	sipgo.OPTIONS: true, sipgo.UPDATE: true, sipgo.INFO: true,
	sipgo.REFER: true, sipgo.SUBSCRIBE: true, sipgo.NOTIFY: true,
}

// single are the header fields that may stand only once (RFC 3261 section 7.3.1).
var single = []string{"from", "to", "call-id", "cseq", "max-forwards", "content-length", "content-type"}

var compactName = map[string]string{
	"f": "from", "t": "to", "i": "call-id", "l": "content-length", "c": "content-type", "v": "via", "m": "contact",
}

// validate looks at a request alone, in the order of RFC 3261 section 8.2,
// without asking about dialogs or rooms. A nil error lets it through. ours
// tells whether a host in a Request-URI is this server.
func validate(req *sipgo.Request, ours func(host string) bool) error {
	if req.SipVersion != "SIP/2.0" {
		return refuse(sipgo.StatusVersionNotSupported, "Version Not Supported")
	}
	if err := validateHeaders(req); err != nil {
		return err
	}
	if !servedMethods[req.Method] {
		if knownMethods[req.Method] {
			return refuse(sipgo.StatusMethodNotAllowed, "Method Not Allowed", "Allow", allowedMethods)
		}
		return refuse(sipgo.StatusNotImplemented, "Not Implemented", "Allow", allowedMethods)
	}
	if err := validateURI(req, ours); err != nil {
		return err
	}
	if err := validateRequire(req); err != nil {
		return err
	}
	return validateBody(req)
}

// validateHeaders finds what the parser lets through and a UAS must not
// (8.1.1: To, From, CSeq, Call-ID, Max-Forwards and Via are mandatory; a
// missing Max-Forwards is forgiven, as RFC 2543 clients send none).
func validateHeaders(req *sipgo.Request) error {
	if req.Via() == nil || req.From() == nil || req.To() == nil || req.CallID() == nil || req.CSeq() == nil {
		return refuse(sipgo.StatusBadRequest, "Missing Mandatory Header")
	}
	if strings.TrimSpace(req.CallID().Value()) == "" {
		return refuse(sipgo.StatusBadRequest, "Empty Call-ID")
	}
	if string(req.CSeq().MethodName) != string(req.Method) {
		return refuse(sipgo.StatusBadRequest, "CSeq Method Does Not Match")
	}
	if req.CSeq().SeqNo >= 1<<31 {
		return refuse(sipgo.StatusBadRequest, "CSeq Too Large") // 8.1.1.5
	}
	count := make(map[string]int, 16)
	for _, h := range req.Headers() {
		name := strings.ToLower(h.Name())
		if full, ok := compactName[name]; ok {
			name = full
		}
		count[name]++
	}
	for _, name := range single {
		if count[name] > 1 {
			return refuse(sipgo.StatusBadRequest, "Duplicate "+name)
		}
	}
	if req.GetHeader("replaces") != nil && !req.IsInvite() && !req.IsAck() {
		return refuse(sipgo.StatusBadRequest, "Replaces Outside Of An INVITE") // RFC 3891 section 3
	}
	if n := req.ContentLength(); n != nil && int(*n) != len(req.Body()) {
		return refuse(sipgo.StatusBadRequest, "Content-Length Does Not Match")
	}
	return nil
}

func validateURI(req *sipgo.Request, ours func(host string) bool) error {
	uri := &req.Recipient
	switch strings.ToLower(uri.Scheme) {
	case "sip", "tel":
	default:
		// 8.2.2.1; sips too, as there is no TLS here to keep its promise.
		return refuse(sipgo.StatusRequestedRangeNotSatisfiable, "Unsupported URI Scheme")
	}
	if len(uri.Headers) > 0 || uri.UriParams.Has("method") {
		return refuse(sipgo.StatusBadRequest, "Headers In Request-URI") // 19.1.1, table 1
	}
	// Max-Forwards concerns those who forward. A request for this server is
	// taken at zero too (RFC 4475 3.3.11); one for another host stops here.
	if mf := req.MaxForwards(); mf != nil && mf.Val() == 0 && strings.EqualFold(uri.Scheme, "sip") && !req.IsAck() && !ours(uri.Host) {
		return refuse(sipgo.StatusTooManyHops, "Too Many Hops")
	}
	return nil
}

// validateRequire refuses extensions that we do not know (8.2.2.3). ACK and
// CANCEL are exempt: they cannot be refused.
func validateRequire(req *sipgo.Request) error {
	if req.IsAck() || req.IsCancel() {
		return nil
	}
	var unknown []string
	for _, h := range req.GetHeaders("require") {
		for _, tag := range strings.Split(h.Value(), ",") {
			if tag = strings.TrimSpace(tag); tag != "" && !understood[strings.ToLower(tag)] {
				unknown = append(unknown, tag)
			}
		}
	}
	if len(unknown) > 0 {
		return refuse(sipgo.StatusBadExtension, "Bad Extension", "Unsupported", strings.Join(unknown, ", "))
	}
	return nil
}

// validateBody refuses bodies that we cannot read (8.2.3).
func validateBody(req *sipgo.Request) error {
	if len(req.Body()) == 0 {
		return nil
	}
	if h := req.GetHeader("content-encoding"); h != nil && !strings.EqualFold(strings.TrimSpace(h.Value()), "identity") {
		return refuse(sipgo.StatusUnsupportedMediaType, "Unsupported Content-Encoding", "Accept-Encoding", "identity")
	}
	switch req.Method {
	case sipgo.INVITE, sipgo.UPDATE, sipgo.ACK:
		if mediaType := contentType(req); mediaType != "application/sdp" && !strings.HasPrefix(mediaType, "multipart/") {
			if req.IsAck() {
				return nil // cannot be refused; it is read as an ACK without SDP
			}
			return refuse(sipgo.StatusUnsupportedMediaType, "Unsupported Media Type", "Accept", acceptedBodies)
		}
	}
	return nil
}

// contentType is the media type of the body in lower case, without parameters.
func contentType(msg interface {
	ContentType() *sipgo.ContentTypeHeader
}) string {
	h := msg.ContentType()
	if h == nil {
		return ""
	}
	mediaType, _, _ := strings.Cut(h.Value(), ";")
	return strings.ToLower(strings.TrimSpace(mediaType))
}

// prefixes is a list of networks.
type prefixes []netip.Prefix

// contains tells whether the host of "host:port" is in one of the networks.
func (p prefixes) contains(hostPort string) bool {
	addr, err := netip.ParseAddrPort(hostPort)
	if err != nil {
		return false
	}
	ip := addr.Addr().Unmap().WithZone("")
	for _, prefix := range p {
		if prefix.Contains(ip) {
			return true
		}
	}
	return false
}
