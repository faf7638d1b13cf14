package main

import (
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/dialout/groups"
	"github.com/sipconf/sipconf/dialout/links"
	"github.com/sipconf/sipconf/media"
	"github.com/sipconf/sipconf/rooms/plan"
)

// Config is everything that an operator can set.  What each field means, and its default, stands in
// the row of the table in config_keys.go that fills it.
//
// The zero value is not a useful configuration: begin with defaultConfig.  A Config does not change
// once loadConfig has returned it, and may then be read from any goroutine.
type Config struct {
	SIP        SIPConfig
	Media      MediaConfig
	Rooms      RoomsConfig
	Numbers    []plan.Rule
	Trunks     []dialout.Trunk
	Dialout    DialoutConfig
	Groups     GroupsConfig
	Links      []links.Link
	Lines      []links.Line
	Menus      MenusConfig
	Asterisk   AsteriskConfig
	Prompts    PromptsConfig
	Recordings RecordingsConfig
	Metrics    MetricsConfig
	Ctl        CtlConfig
	Log        LogConfig
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
	Announce        bool // who joins and leaves
}

// GroupsConfig is the section groups.
type GroupsConfig struct {
	Store string // a URL that may have a password in it: groups.Redact shows it
	Query string // empty: the table conf_groups
	List  map[string][]groups.Member

	Ring           time.Duration // of each number of a member; 0: dialout.ring
	NextAfter      time.Duration // when a member's next number rings as well; 0: when the one before has ended
	Wait           time.Duration // how long a member waits for a free line
	EndsWithCaller bool          // whether what rings is cancelled when who called the group leaves
	Unknown        string        // what becomes of who calls a group that does not exist: groupStay or groupRelease
}

// What groups.unknown may be.
const (
	groupStay    = "stay"
	groupRelease = "release"
)

// withoutPasswords is c for everybody's eyes.
func (c *Config) withoutPasswords() *Config {
	shown := *c
	shown.Groups.Store = groups.Redact(c.Groups.Store)
	shown.Trunks = slices.Clone(c.Trunks)
	for i := range shown.Trunks {
		if shown.Trunks[i].Password != "" {
			shown.Trunks[i].Password = "xxxxx"
		}
	}
	shown.Asterisk.AMI = slices.Clone(c.Asterisk.AMI)
	for i := range shown.Asterisk.AMI {
		if shown.Asterisk.AMI[i].Secret != "" {
			shown.Asterisk.AMI[i].Secret = "xxxxx"
		}
	}
	return &shown
}

// options is what the store needs besides its URL.
func (c *GroupsConfig) options() groups.Options { return groups.Options{Query: c.Query, List: c.List} }

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
