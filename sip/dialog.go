package sip

import (
	"crypto/rand"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	sipgo "github.com/emiago/sipgo/sip"
)

// dialogID names a dialog as we see it (RFC 3261 section 12): comparable, so
// that it can be the key of a map.
type dialogID struct {
	CallID, LocalTag, RemoteTag string
}

// Dialog is the state of RFC 3261 section 12, as plain data: URIs are kept as
// text, so that the value can be written down and read by another process.
// Its zero value is no dialog. Owned by the call's goroutine.
type Dialog struct {
	CallID, LocalTag, RemoteTag string

	LocalURI, RemoteURI   string // the URIs of our and of the peer's side, as in From and To
	LocalName             string // display name of our side, usually empty
	RemoteTarget          string // the peer's Contact; changed by each target refresh
	RouteSet              []string
	LocalCSeq, RemoteCSeq uint32
	Caller                bool // the INVITE was ours, and so is the Call-ID
	PeerSilent            bool // no request of the peer has come yet, so that RemoteCSeq says nothing

	Transport string // "UDP" or "TCP": the transport of the listener that took the INVITE, or that it was sent from
	Source    string // where the INVITE came from or went to, "host:port"
	Endpoint  string // the name of our listener, as configured
	Host      string // what we put into Via and Contact, without brackets
	Port      int
	Focus     string // user part of our Contact: the conference URI (RFC 4579 section 5.2)
}

func (d *Dialog) id() dialogID { return dialogID{d.CallID, d.LocalTag, d.RemoteTag} }

// newUASDialog builds the dialog that answering req creates (RFC 3261 section
// 12.1.1). The To tag must be there already; see endpoint.arrived.
func newUASDialog(req *sipgo.Request) (Dialog, error) {
	contact := req.Contact()
	if !reachable(contact) || len(req.GetHeaders("contact"))+len(req.GetHeaders("m")) != 1 {
		// Section 8.1.1.8: an INVITE MUST carry exactly one Contact, with a
		// SIP URI. Without it there is nowhere to send a BYE.
		return Dialog{}, refuse(sipgo.StatusBadRequest, "Missing Or Unusable Contact")
	}
	localTag, _ := req.To().Params.Get("tag")
	remoteTag, _ := req.From().Params.Get("tag") // absent in RFC 2543 clients: the empty tag (12.1.1)
	d := Dialog{
		CallID:       req.CallID().Value(),
		LocalTag:     localTag,
		RemoteTag:    remoteTag,
		LocalURI:     req.To().Address.String(),
		LocalName:    req.To().DisplayName,
		RemoteURI:    req.From().Address.String(),
		RemoteTarget: contact.Address.String(),
		RemoteCSeq:   req.CSeq().SeqNo,
		LocalCSeq:    0,
		Transport:    req.Transport(),
		Source:       req.Source(),
		Focus:        dialled(req),
	}
	// The UAS takes the Record-Route list in order (12.1.1).
	for _, h := range req.GetHeaders("record-route") {
		if rr, ok := h.(*sipgo.RecordRouteHeader); ok {
			d.RouteSet = append(d.RouteSet, rr.Address.String())
		}
	}
	probe := d
	if _, err := probe.request(sipgo.BYE); err != nil {
		bad := refuse(sipgo.StatusBadRequest, "Unusable Dialog Headers")
		bad.Cause = err
		return Dialog{}, bad
	}
	return d, nil
}

// answered is the dialog that an answer to our INVITE makes of what the INVITE
// had of it (12.1.2). Without a usable Contact the Request-URI stays its target.
func (d Dialog) answered(res *sipgo.Response) Dialog {
	d.RemoteTag = toTag(res)
	d.PeerSilent = true
	if d.Transport == "UDP" || d.Source == "" {
		d.Source = res.Source()
	}
	d.refreshTarget(res.Contact())
	// The UAC takes the Record-Route list in reverse order.
	d.RouteSet = nil
	for _, h := range res.GetHeaders("record-route") {
		if rr, ok := h.(*sipgo.RecordRouteHeader); ok {
			d.RouteSet = append(d.RouteSet, rr.Address.String())
		}
	}
	slices.Reverse(d.RouteSet)
	return d
}

// toTag is the tag that a peer has given its side in a response; empty without one.
func toTag(res *sipgo.Response) string {
	if to := res.To(); to != nil {
		tag, _ := to.Params.Get("tag")
		return tag
	}
	return ""
}

// reachable tells whether requests can be sent to a Contact.
func reachable(contact *sipgo.ContactHeader) bool {
	return contact != nil && !contact.Address.Wildcard && contact.Address.Host != "" &&
		strings.HasPrefix(strings.ToLower(contact.Address.Scheme), "sip")
}

// refreshTarget follows a target refresh request or its response (12.2.1.2,
// 12.2.2): re-INVITE and UPDATE may move the peer's Contact. The route set
// stays for the life of the dialog.
func (d *Dialog) refreshTarget(contact *sipgo.ContactHeader) {
	if reachable(contact) {
		d.RemoteTarget = contact.Address.String()
	}
}

// request builds a request within the dialog (12.2.1.1), with the next CSeq.
func (d *Dialog) request(method sipgo.RequestMethod) (*sipgo.Request, error) {
	d.LocalCSeq++
	return d.build(method, d.LocalCSeq)
}

// ack builds the ACK to a 2xx that answered our INVITE with this CSeq. It is a
// request of its own (13.2.2.4), with a new branch and the INVITE's number.
func (d *Dialog) ack(cseq uint32) (*sipgo.Request, error) {
	return d.build(sipgo.ACK, cseq)
}

func (d *Dialog) build(method sipgo.RequestMethod, cseq uint32) (*sipgo.Request, error) {
	target, routes, hop, err := d.nextHop()
	if err != nil {
		return nil, err
	}
	req := sipgo.NewRequest(method, target)
	transport := d.Transport
	req.SetDestination(hostPortOf(hop))
	if named, ok := hop.UriParams.Get("transport"); ok && named != "" {
		transport = strings.ToUpper(named) // the peer's wish (19.1.1)
	}
	req.SetTransport(transport)

	via := &sipgo.ViaHeader{
		ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: transport,
		Host: d.Host, Port: d.Port, Params: sipgo.NewParams(),
	}
	via.Params.Add("branch", newBranch(""))
	via.Params.Add("rport", "") // RFC 3581: the answer comes back the way we came
	req.AppendHeader(via)
	for i := range routes {
		req.AppendHeader(&sipgo.RouteHeader{Address: routes[i]})
	}
	maxForwards := sipgo.MaxForwardsHeader(70)
	req.AppendHeader(&maxForwards)

	from := &sipgo.FromHeader{DisplayName: d.LocalName, Params: sipgo.NewParams()}
	if err := sipgo.ParseUri(d.LocalURI, &from.Address); err != nil {
		return nil, fmt.Errorf("local URI %q: %w", d.LocalURI, err)
	}
	from.Params.Add("tag", d.LocalTag)
	req.AppendHeader(from)
	to := &sipgo.ToHeader{Params: sipgo.NewParams()}
	if err := sipgo.ParseUri(d.RemoteURI, &to.Address); err != nil {
		return nil, fmt.Errorf("remote URI %q: %w", d.RemoteURI, err)
	}
	if d.RemoteTag != "" {
		to.Params.Add("tag", d.RemoteTag)
	}
	req.AppendHeader(to)
	callID := sipgo.CallIDHeader(d.CallID)
	req.AppendHeader(&callID)
	req.AppendHeader(&sipgo.CSeqHeader{SeqNo: cseq, MethodName: method})
	return req, nil
}

// newBranch names a transaction (8.1.1.7). kind tells ours apart.
func newBranch(kind string) string {
	return sipgo.RFC3261BranchMagicCookie + kind + strings.ToLower(rand.Text()[:16])
}

// nextHop gives the Request-URI, the Route list and where the request goes.
// Loose routing keeps the remote target in the Request-URI; a strict router
// (no lr) gets itself there and the target goes to the end of the Route list
// (12.2.1.1).
func (d *Dialog) nextHop() (target sipgo.Uri, routes []sipgo.Uri, hop sipgo.Uri, err error) {
	if err := sipgo.ParseUri(d.RemoteTarget, &target); err != nil {
		return target, nil, target, fmt.Errorf("remote target %q: %w", d.RemoteTarget, err)
	}
	target.Headers = nil // a Request-URI has no headers (19.1.1)
	for _, text := range d.RouteSet {
		var route sipgo.Uri
		if err := sipgo.ParseUri(text, &route); err != nil {
			return target, nil, target, fmt.Errorf("route %q: %w", text, err)
		}
		routes = append(routes, route)
	}
	if len(routes) == 0 {
		return target, nil, target, nil
	}
	if !routes[0].UriParams.Has("lr") {
		strict := routes[0]
		return strict, append(routes[1:], target), strict, nil
	}
	return target, routes, routes[0], nil
}

// hostPortOf is where a request to a URI is sent (RFC 3261 section 8.1.2).
func hostPortOf(uri sipgo.Uri) string {
	port := uri.Port
	if port == 0 {
		port = sipgo.DefaultUdpPort
	}
	return net.JoinHostPort(strings.Trim(uri.Host, "[]"), strconv.Itoa(port))
}

// contact is our Contact: the conference URI, which leads back to the same
// room, marked as a focus (RFC 4579 section 5.2).
func (d *Dialog) contact() *sipgo.ContactHeader {
	h := &sipgo.ContactHeader{
		Address: sipgo.Uri{Scheme: "sip", User: escapeUser(d.Focus), Host: d.Host, Port: d.Port},
		Params:  sipgo.NewParams(),
	}
	if d.Transport == "TCP" {
		h.Address.UriParams.Add("transport", "tcp")
	}
	h.Params.Add("isfocus", "")
	return h
}

// escapeUser writes text as the user part of a URI (RFC 3261 section 25.1:
// unreserved and user-unreserved stand for themselves).
func escapeUser(text string) string {
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-_.!~*'()&=+$,;?/", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// splitHostPort is net.SplitHostPort with the port as a number; 0 when there is none.
func splitHostPort(addr string) (host string, port int) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return addr, 0
	}
	port, _ = strconv.Atoi(text)
	return host, port
}
