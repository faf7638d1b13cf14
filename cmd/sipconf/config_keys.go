package main

import (
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media"
	"github.com/sipconf/sipconf/rooms/plan"
)

// numbersPath is the number plan, the one section that is not a map of keys but a list of rules,
// each a map with the fields of ruleFields.  It has no environment variable.
const numbersPath = "numbers"

// A section is one of the entries at the top of config.yaml.
type section struct{ name, doc string }

// sections is all of them, in the order in which config.yaml and the README show them.
var sections = []section{
	{"sip", "Signalling: where calls come in, and from whom."},
	{"media", "The sound of the calls."},
	{"rooms", "The conferences, and how large they may become."},
	{numbersPath, "Which number leads to which room, in Asterisk's pattern syntax; the first rule that matches wins. " +
		"X is a digit, Z is 1 to 9, N is 2 to 9, [15-7] is one of these, . is one or more of anything, ! is none or more. " +
		"room and group may use ${EXTEN}, ${EXTEN:1} and ${CALLERID(num)}. A number that no rule matches gets 404. " +
		"By default *100 calls group 100 into the room of the caller's own number, and *15234 and 5234 lead to room 5234."},
	{"metrics", "Figures for Prometheus, and whether the server is well: /metrics, /healthz, /readyz."},
	{"log", "What is written to stderr."},
}

// A key is one setting.
type key struct {
	path   string                // its place in config.yaml: sip.listen
	preset []string              // its default, as text: one for a scalar, any number for a list
	doc    string                // what it does, in finished sentences
	value  func(c *Config) value // where it lands in a Config
}

// variable is the name of the environment variable that overrides the key.
func (k *key) variable() string {
	return variablePrefix + strings.ToUpper(strings.ReplaceAll(k.path, ".", "_"))
}

// keys is every setting there is, those of a section together and in the order in which config.yaml
// and the README show them, except the number plan.
var keys = []key{
	{"sip.listen", []string{"udp://0.0.0.0:5060", "tcp://0.0.0.0:5060"},
		"The addresses that take SIP. IPv6 is written udp://[::]:5060.",
		many(listenerForm, func(c *Config) *[]listener { return &c.SIP.Listen })},
	{"sip.advertise", []string{""},
		"The IP address told to peers in Contact, Via and SDP. Empty: the one that the peer reaches, which is right unless there is NAT in between.",
		one(advertiseForm, func(c *Config) *netip.Addr { return &c.SIP.Advertise })},
	{"sip.trusted", []string{"127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"},
		"The networks that may call, and whose word on the caller's name and number is taken. Everyone else gets 403.",
		many(networkForm, func(c *Config) *[]netip.Prefix { return &c.SIP.Trusted })},
	{"sip.session_expires", []string{"30m"},
		"How long a call lives without a sign of life from its peer (session timer, RFC 4028). It is refreshed at half that time.",
		one(durationForm(90*time.Second, 24*time.Hour, false), func(c *Config) *time.Duration { return &c.SIP.SessionExpires })},
	{"sip.min_se", []string{"90s"},
		"The shortest session timer that a peer may ask for; a shorter one gets 422.",
		// RFC 4028 section 5: Min-SE MUST NOT be less than 90 seconds.
		one(durationForm(90*time.Second, 24*time.Hour, false), func(c *Config) *time.Duration { return &c.SIP.MinSE })},
	{"sip.user_agent", []string{"sipconf"},
		"What the server calls itself in User-Agent and Server.",
		one(productForm, func(c *Config) *string { return &c.SIP.UserAgent })},

	{"media.ports", []string{"20000-29999"},
		"The UDP ports for RTP and RTCP. A call takes two, an even one and the odd one above it.",
		one(portsForm, func(c *Config) *media.PortRange { return &c.Media.Ports })},
	{"media.codecs", []string{"pcma", "pcmu"},
		"The audio formats, the preferred one first.",
		many(codecForm, func(c *Config) *[]*codec.Codec { return &c.Media.Codecs })},
	{"media.silence_timeout", []string{"60s"},
		"A call that is not on hold and sends neither RTP nor RTCP for so long is probed, and ended if it is dead. 0: never.",
		one(durationForm(time.Second, 24*time.Hour, true), func(c *Config) *time.Duration { return &c.Media.SilenceTimeout })},
	{"media.jitter_max", []string{"120ms"},
		"The most that the jitter buffer of a call may hold, and so the most that it may delay it.",
		one(durationForm(40*time.Millisecond, media.MostJitter, false), func(c *Config) *time.Duration { return &c.Media.JitterMax })},
	{"media.mute_music", []string{"false"},
		"Whether a caller is kept out of the mix while music comes from him: a PBX plays it when he has put the conference on hold. docs/quality.md says how sure it is.",
		one(switchForm, func(c *Config) *bool { return &c.Media.MuteMusic })},
	{"media.level", []string{"true"},
		"Whether each voice is brought to the same loudness, slowly: towards -23 dBFS, by at most 12 dB either way.",
		one(switchForm, func(c *Config) *bool { return &c.Media.Level })},
	{"media.nice", []string{"-10"},
		"The nice value of the server, so that no other program makes the sound late. It needs root or CAP_SYS_NICE; without, a line in the log says so. Between services of systemd CPUWeight= decides as well. 0: as it was started.",
		one(numberForm(-20, 0), func(c *Config) *int { return &c.Media.Nice })},

	{"rooms.max_participants", []string{"100"},
		"The most participants in one room. The next caller gets 486.",
		one(numberForm(1, 10000), func(c *Config) *int { return &c.Rooms.MaxParticipants })},
	{"rooms.max_legs", []string{"1000"},
		"The most calls in all rooms together. The next caller gets 503.",
		one(numberForm(1, 30000), func(c *Config) *int { return &c.Rooms.MaxLegs })},
	{"rooms.tones", []string{"true"},
		"Whether a room hears a tone when somebody joins or leaves, and the newcomer another one.",
		one(switchForm, func(c *Config) *bool { return &c.Rooms.Tones })},

	{"metrics.listen", []string{"127.0.0.1:9090"},
		"The address that serves them over HTTP, without a password. Empty: none does. If the port is taken, a warning says so and the server runs without.",
		one(httpForm, func(c *Config) *string { return &c.Metrics.Listen })},

	{"log.level", []string{"info"},
		"The least that is logged: debug, info, warn or error.",
		one(levelForm, func(c *Config) *slog.Level { return &c.Log.Level })},
	{"log.format", []string{logText},
		"The form of a log line: text or json.",
		one(logFormatForm, func(c *Config) *string { return &c.Log.Format })},
}

// findKey is the key with that path, or nil.
func findKey(path string) *key {
	for i := range keys {
		if keys[i].path == path {
			return &keys[i]
		}
	}
	return nil
}

// keyNames is the names of a section's keys, without the section's own.
func keyNames(section string) []string {
	var names []string
	for _, k := range keys {
		if name, ok := strings.CutPrefix(k.path, section+"."); ok {
			names = append(names, name)
		}
	}
	return names
}

// defaultConfig is the configuration of an empty file and an empty environment.
func defaultConfig() *Config {
	c := &Config{Numbers: plan.Default()}
	for _, k := range keys {
		value := k.value(c)
		for _, text := range k.preset {
			if err := value.parse(text); err != nil {
				panic("the default of " + k.path + ": " + err.Error())
			}
		}
	}
	return c
}
