package main

import (
	"log/slog"
	"net/netip"
	"time"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media"
	"github.com/sipconf/sipconf/rooms/plan"
)

// Config is everything that an operator can set.  What each field means, and its default, stands in
// the row of the table in config_keys.go that fills it.
//
// The zero value is not a useful configuration: begin with defaultConfig.  A Config does not change
// once loadConfig has returned it, and may then be read from any goroutine.
type Config struct {
	SIP     SIPConfig
	Media   MediaConfig
	Rooms   RoomsConfig
	Numbers []plan.Rule
	Metrics MetricsConfig
	Log     LogConfig
}

// SIPConfig is the section sip.
type SIPConfig struct {
	Listen         []listener
	Advertise      netip.Addr // the zero Addr: the address that the peer reaches
	Trusted        []netip.Prefix
	SessionExpires time.Duration
	MinSE          time.Duration
	UserAgent      string
}

// MediaConfig is the section media.
type MediaConfig struct {
	Ports          media.PortRange
	Codecs         []*codec.Codec // in the order of preference
	SilenceTimeout time.Duration  // 0: never
	JitterMax      time.Duration
	MuteMusic      bool
	Level          bool
	Nice           int // 0: not touched
}

// RoomsConfig is the section rooms.
type RoomsConfig struct {
	MaxParticipants int // of one room
	MaxLegs         int // of all rooms together
	Tones           bool
}

// MetricsConfig is the section metrics.
type MetricsConfig struct {
	Listen string // host:port; empty: nothing is served
}

// LogConfig is the section log.
type LogConfig struct {
	Level  slog.Level
	Format string // logText or logJSON
}

// A listener is an address at which the server takes SIP.
type listener struct {
	Network string // "udp" or "tcp"
	Addr    netip.AddrPort
}

// String writes l as config.yaml has it: udp://127.0.0.1:5060, tcp://[::1]:5060.
func (l listener) String() string { return l.Network + "://" + l.Addr.String() }

// clashes says whether l and other cannot both be bound.  A listener on the unspecified address
// takes its port on every address of its family.  Port 0 means any free port, so it never clashes.
func (l listener) clashes(other listener) bool {
	a, b := l.Addr.Addr(), other.Addr.Addr()
	return l.Network == other.Network && l.Addr.Port() == other.Addr.Port() && l.Addr.Port() != 0 &&
		a.Is4() == b.Is4() && (a == b || a.IsUnspecified() || b.IsUnspecified())
}
