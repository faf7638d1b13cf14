package main

import (
	"fmt"
	"net/netip"
	"time"
)

// check looks at what a single value cannot show: keys that contradict each other, and lists that
// are good element by element but not as a whole.  A key that already has a fault is left out, for
// it does not hold what the operator meant.
func (r *configReader) check() {
	r.checkListen()
	r.checkAdvertise()
	r.checkTrusted()
	r.checkTimers()
	r.checkPorts()
	r.checkCodecs()
	r.checkSilence()
	r.checkRooms()
	r.checkNumbers()
	r.checkGroups()
	r.checkDialout()
	r.checkLinks()
	r.checkAMI()
	r.checkPrompts()
}

// good says whether none of the keys has a fault.
func (r *configReader) good(paths ...string) bool {
	for _, path := range paths {
		if r.wrong[path] {
			return false
		}
	}
	return true
}

// blame is the first of the keys that was set: the one to name when they contradict each other.
// At least one was, since the defaults do not.
func (r *configReader) blame(paths ...string) (at place, path string) {
	for _, path := range paths {
		if at, ok := r.seen[path]; ok {
			return at, path
		}
	}
	return place{}, paths[0]
}

// element is the place and path of one element of a list.  Elements past a default list have none.
func (r *configReader) element(list string, i int) (at place, path string) {
	path = fmt.Sprintf("%s[%d]", list, i)
	return r.seen[path], path
}

// checkEmpty records a list that has nothing in it, and says whether it is so.
func (r *configReader) checkEmpty(path string, length int, consequence string) bool {
	if length > 0 {
		return false
	}
	r.fault(r.seen[path], path, "the list is empty: %s", consequence)
	return true
}

func (r *configReader) checkListen() {
	const path = "sip.listen"
	listen := r.config.SIP.Listen
	if !r.good(path) || r.checkEmpty(path, len(listen), "nobody could call") {
		return
	}
	for i, l := range listen {
		for j, earlier := range listen[:i] {
			if !l.clashes(earlier) {
				continue
			}
			at, element := r.element(path, i)
			if l == earlier {
				r.fault(at, element, "%s is already %s[%d]", l, path, j)
			} else {
				r.fault(at, element, "%s is already taken by %s[%d], %s", l, path, j, earlier)
			}
			break
		}
		if l.Addr.Addr().IsMulticast() {
			at, element := r.element(path, i)
			r.fault(at, element, "%s is a multicast address: nobody can call it", l)
		}
	}
}

func (r *configReader) checkAdvertise() {
	advertise := r.config.SIP.Advertise
	if !advertise.IsValid() || !r.good("sip.advertise", "sip.listen") {
		return
	}
	for _, l := range r.config.SIP.Listen {
		if l.Addr.Addr().Is4() == advertise.Is4() {
			return
		}
	}
	r.fault(r.seen["sip.advertise"], "sip.advertise",
		"nothing in sip.listen is %s: peers could not reach %s", family(advertise), advertise)
}

func family(addr netip.Addr) string {
	if addr.Is4() {
		return "IPv4"
	}
	return "IPv6"
}

func (r *configReader) checkTrusted() {
	const path = "sip.trusted"
	if !r.good(path) || r.checkEmpty(path, len(r.config.SIP.Trusted), "everyone would get 403") {
		return
	}
	for i, network := range r.config.SIP.Trusted {
		if network.Bits() == 0 {
			at, element := r.element(path, i)
			r.warning(at, element, "%s trusts the whole internet: anybody may call and claim any number", network)
		}
	}
}

func (r *configReader) checkTimers() {
	// RFC 4028 section 5: the session interval cannot be shorter than Min-SE.
	sip := r.config.SIP
	if r.good("sip.session_expires", "sip.min_se") && sip.SessionExpires < sip.MinSE {
		at, path := r.blame("sip.session_expires", "sip.min_se")
		r.fault(at, path, "sip.session_expires (%s) is shorter than sip.min_se (%s)",
			writeDuration(sip.SessionExpires), writeDuration(sip.MinSE))
	}
}

func (r *configReader) checkPorts() {
	ports := r.config.Media.Ports
	if r.good("media.ports", "rooms.max_legs") && ports.Pairs() < r.config.Rooms.MaxLegs {
		// A warning only: fewer ports than legs is a limit like another, and the caller beyond it
		// gets the same 503.
		at, path := r.blame("media.ports", "rooms.max_legs")
		r.warning(at, path, "media.ports (%s) holds %d calls at two ports each, fewer than rooms.max_legs (%d)",
			portsForm.write(ports), ports.Pairs(), r.config.Rooms.MaxLegs)
	}
	if !r.good("media.ports", "sip.listen") {
		return
	}
	for i, l := range r.config.SIP.Listen {
		if l.Network == "udp" && ports.First <= l.Addr.Port() && l.Addr.Port() <= ports.Last {
			at, path := r.element("sip.listen", i)
			if at == (place{}) {
				at, path = r.blame("media.ports")
			}
			r.fault(at, path, "port %d of %s lies within media.ports (%s), so that calls would want it too",
				l.Addr.Port(), l, portsForm.write(ports))
		}
	}
}

func (r *configReader) checkCodecs() {
	const path = "media.codecs"
	codecs := r.config.Media.Codecs
	if !r.good(path) || r.checkEmpty(path, len(codecs), "no call could be answered") {
		return
	}
	for i, c := range codecs {
		for j, earlier := range codecs[:i] {
			if c == earlier {
				at, element := r.element(path, i)
				r.fault(at, element, "%s is already %s[%d]", codecForm.write(c), path, j)
				break
			}
		}
	}
}

func (r *configReader) checkSilence() {
	// A muted phone may send nothing but RTCP, and that every 5 s or so (RFC 3550 section 6.2).
	const path, least = "media.silence_timeout", 10 * time.Second
	timeout := r.config.Media.SilenceTimeout
	if r.good(path) && timeout > 0 && timeout < least {
		r.warning(r.seen[path], path, "%s is short: a muted phone may send nothing but RTCP, every 5s or so; 10s or more is safe",
			writeDuration(timeout))
	}
}

func (r *configReader) checkRooms() {
	rooms := r.config.Rooms
	if _, set := r.seen["rooms.max_participants"]; set && r.good("rooms.max_participants", "rooms.max_legs") &&
		rooms.MaxParticipants > rooms.MaxLegs {
		r.warning(r.seen["rooms.max_participants"], "rooms.max_participants", "no room can have %d: rooms.max_legs is %d",
			rooms.MaxParticipants, rooms.MaxLegs)
	}
}
