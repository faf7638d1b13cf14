package sip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	sipgo "github.com/emiago/sipgo/sip"
)

// way is how a request outside of any dialog goes: from one of our listeners
// to an address.
type way struct {
	endpoint *endpoint
	remote   netip.AddrPort
}

// resolver looks names up; net.DefaultResolver is one.
type resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
	LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)
}

// wayTo finds the way to a URI. A *Failure says that its host cannot be found;
// other errors are of our own configuration.
func (u *UA) wayTo(ctx context.Context, uri *sipgo.Uri, network string) (way, error) {
	found, err := u.lookUp(ctx, uri, network)
	if err != nil {
		return way{}, &Failure{Cause: Unreachable, Code: sipgo.StatusServiceUnavailable, Reason: "Name Not Found", Err: err}
	}
	for _, remote := range found {
		if e := u.endpointTo(network, remote); e != nil {
			if !prefixes(u.config.Trusted).contains(remote.String()) {
				return way{}, fmt.Errorf("%s is not in sip.trusted: its answers would be refused", remote.Addr())
			}
			return way{e, remote}, nil
		}
	}
	return way{}, fmt.Errorf("nothing in sip.listen is %s that reaches %s", network, uri.Host)
}

// lookUp finds the addresses of a URI's host, the best first (RFC 3263 section
// 4): a numeric one as it stands; with a port the host's addresses; else what
// SRV says, and when that says nothing, the host's addresses.
func (u *UA) lookUp(ctx context.Context, uri *sipgo.Uri, network string) ([]netip.AddrPort, error) {
	host, port := strings.Trim(uri.Host, "[]"), uri.Port
	if addr, err := netip.ParseAddr(host); err == nil {
		if port == 0 {
			port = sipgo.DefaultUdpPort
		}
		return []netip.AddrPort{netip.AddrPortFrom(addr.Unmap(), uint16(port))}, nil
	}
	if port == 0 {
		if found := u.lookUpService(ctx, host, network); len(found) > 0 {
			return found, nil
		}
		port = sipgo.DefaultUdpPort
	}
	addrs, err := u.names.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	var found []netip.AddrPort
	for _, addr := range addrs {
		found = append(found, netip.AddrPortFrom(addr.Unmap(), uint16(port)))
	}
	if len(found) == 0 {
		return nil, errors.New("lookup " + host + ": no addresses")
	}
	return found, nil
}

func (u *UA) lookUpService(ctx context.Context, host, network string) (found []netip.AddrPort) {
	_, records, err := u.names.LookupSRV(ctx, "sip", strings.ToLower(network), host)
	if err != nil {
		return nil
	}
	for _, record := range records { // by priority, and at random by weight
		addrs, err := u.names.LookupNetIP(ctx, "ip", record.Target)
		if err != nil {
			continue
		}
		for _, addr := range addrs {
			found = append(found, netip.AddrPortFrom(addr.Unmap(), record.Port))
		}
	}
	return found
}

// endpointTo is the listener that a request to an address leaves from: one of
// that transport and family, bound to the address that the route begins at,
// else to all addresses, else to any; nil without one.
func (u *UA) endpointTo(network string, remote netip.AddrPort) *endpoint {
	var fitting []*endpoint
	for _, e := range u.endpoints {
		if e.network == network && e.local.Addr().Is4() == remote.Addr().Is4() {
			fitting = append(fitting, e)
		}
	}
	if len(fitting) == 0 {
		return nil
	}
	best := fitting[0]
	if len(fitting) > 1 {
		route := routeTo(remote.String(), netip.Addr{})
		for _, e := range fitting {
			if e.local.Addr() == route {
				return e
			}
			if e.local.Addr().IsUnspecified() {
				best = e
			}
		}
	}
	return best
}

// uriHost is an address as it stands in a URI.
func uriHost(addr netip.Addr) string {
	if addr.Is6() {
		return "[" + addr.String() + "]"
	}
	return addr.String()
}

// watch has report called with what ICMP says of a datagram that went to that
// address. It is called with the lock held: it must not block, nor stop.
func (u *UA) watch(to netip.AddrPort, report func(error)) (stop func()) {
	w := &watch{to, report}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.watches[w] = struct{}{}
	return func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		delete(u.watches, w)
	}
}

// watch is somebody who waits for an answer from an address.
type watch struct {
	to     netip.AddrPort
	report func(error)
}

// undeliverable tells all who wait for an answer from an address that none will
// come (RFC 3261 section 18.4).
func (u *UA) undeliverable(to netip.AddrPort, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for w := range u.watches {
		if w.to == to {
			w.report(err)
		}
	}
}
