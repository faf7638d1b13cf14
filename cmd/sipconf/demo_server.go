package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"

	"github.com/sipconf/sipconf/rooms"
)

// demoRoom is where the demo's callers meet.
const demoRoom = "5234"

// sipPort is where phones look for a server (RFC 3261 section 19.1.2).
const sipPort = 5060

// startDemoServer starts a server on the loopback, on port 5060 if it is free.
func startDemoServer(screen *screen, log *slog.Logger) (*server, error) {
	port, err := freePort(sipPort)
	if err != nil {
		return nil, err
	}
	config := demoConfig(port)
	allowFiles(config, log)
	server, err := newServer(config, log, nil)
	if err != nil {
		return nil, fmt.Errorf("starting the server: %w", err)
	}
	addr := sipAddr(server)
	if port == sipPort {
		screen.say("The server listens on %s, UDP and TCP.", addr)
	} else {
		screen.say("Port %d is taken by another program, so the server listens on %s, UDP and TCP.", sipPort, addr)
	}
	return server, nil
}

// sipAddr is where the demo's server is called: it has one address for both transports.
func sipAddr(server *server) netip.AddrPort { return server.Addrs()[0].Addr }

// demoConfig is the defaults, on the loopback only and without levelling.
func demoConfig(port uint16) *Config {
	config := defaultConfig()
	config.Metrics.Listen = ""   // the port may be a real server's
	config.Ctl.Socket = ""       // likewise
	config.Groups.Store = "list" // nobody's groups are called, and no file is made
	config.Media.Level = false   // the check asks whether each voice arrives as loud as it was sent
	local := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)
	config.SIP.Listen = []listener{{"udp", local}, {"tcp", local}}
	return config
}

// freePort is the wanted port if nobody has it on the loopback, else another one that is free for
// both UDP and TCP.  The port may be taken before the caller has it, but not by the system itself,
// which hands out free ports in turn.
func freePort(wanted uint16) (uint16, error) {
	if tryPort(wanted) == nil {
		return wanted, nil
	}
	var err error
	for range 10 {
		var socket net.PacketConn
		if socket, err = net.ListenPacket("udp4", "127.0.0.1:0"); err != nil {
			break
		}
		port := socket.LocalAddr().(*net.UDPAddr).AddrPort().Port()
		socket.Close()
		if err = tryPort(port); err == nil {
			return port, nil
		}
	}
	return 0, fmt.Errorf("looking for a free port on 127.0.0.1: %w", err)
}

// tryPort says whether the port can be had for UDP and for TCP.
func tryPort(port uint16) error {
	address := fmt.Sprintf("127.0.0.1:%d", port)
	datagrams, err := net.ListenPacket("udp4", address)
	if err != nil {
		return err
	}
	defer datagrams.Close()
	streams, err := net.Listen("tcp4", address)
	if err != nil {
		return err
	}
	return streams.Close()
}

// closeDemoServer ends the server.  The demo's own callers have hung up by then.
func closeDemoServer(server *server, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	if err := server.Close(ctx); err != nil {
		log.Warn("some callers did not answer the goodbye", "err", err)
	}
}

// sayAddresses says what a real phone may dial.  The demo itself can be reached from this machine
// only: it has no business on a network on which nobody asked for it.
func sayAddresses(screen *screen, addr netip.AddrPort) {
	screen.say("Softphones on this machine may dial sip:%s@%s. Ctrl-C ends this.", demoRoom, addr)
	screen.say(`For a desk phone run "sipconf serve" instead; it may dial sip:%s@%s.`, demoRoom, lanAddress())
}

// lanAddress is an IPv4 address under which other machines may reach this one, or words for it.
func lanAddress() string {
	addrs, _ := net.InterfaceAddrs() // none: then we have no better idea
	for _, a := range addrs {
		prefix, err := netip.ParsePrefix(a.String())
		if err == nil && prefix.Addr().Is4() && prefix.Addr().IsGlobalUnicast() {
			return prefix.Addr().String()
		}
	}
	return "THIS-MACHINE"
}

// rosterOf is one look at the room.
func rosterOf(server *server) attendance {
	r := attendance{title: fmt.Sprintf("sipconf demo: room %s at sip:%s@%s", demoRoom, demoRoom, sipAddr(server))}
	for _, room := range server.Rooms().Snapshot() {
		if room.Number != demoRoom {
			continue
		}
		for _, p := range room.Participants {
			r.present = append(r.present, attendeeOf(p))
		}
	}
	stats := server.Engine().Stats()
	r.clock = lateness{stats.Ticks, stats.Skipped, stats.WakeP50, stats.WakeP99, stats.WakeMax}
	return r
}

func attendeeOf(p rooms.ParticipantSnapshot) attendee {
	a := attendee{name: p.Name, number: p.Number, talking: p.Talking, level: float64(p.Level)}
	switch {
	case p.Held:
		a.state = "on hold"
	case p.Muted && p.Silenced:
		a.state = "muted, also by the host"
	case p.Silenced:
		a.state = "muted by the host"
	case p.Muted:
		a.state = "muted"
	case p.Link:
		a.state = "line to another conference"
	}
	return a
}
