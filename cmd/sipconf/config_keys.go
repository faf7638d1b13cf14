package main

import (
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media"
	"github.com/sipconf/sipconf/prompts"
	"github.com/sipconf/sipconf/rooms/menu"
	"github.com/sipconf/sipconf/rooms/plan"
)

// numbersPath is the number plan, a section that is not a map of keys but a block.
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
		"factory: true gives each caller a room of his own, for the conference button of telephones: docs/phones.md; its room may use ${FRESH}, 8 digits that are drawn. " +
		"By default *100 calls group 100 into the room of the caller's own number, and *15234 and 5234 lead to room 5234."},
	{trunksPath, "The ways out, by which people are called: the PBX, a carrier. Each has a name and an address, and may have transport (udp or tcp), user and " +
		"password, from, max_calls, max_daily, rate (calls a second), internal, policy, numbers, strip, prepend and probe: docs/dialling.md. The environment variable SIPCONF_TRUNKS_NAME_PASSWORD is the password of the trunk name. " +
		"Without a trunk nobody can be called. For an Asterisk: - {name: pbx, address: \"sip:192.168.1.1:5060\", internal: true}"},
	{dialoutPath, "How people are called, and whom one may call: docs/dialling.md."},
	{groupsPath, "Who belongs to a group, the people that *100 calls together: docs/groups.md."},
	{linksPath, "Rooms that keep a call to another conference up for as long as anybody is in them. Each has a room and a number, and may have trunk, from (the numbers that the other side shows if it calls by itself), line, " +
		"dtmf (what is pressed when the other side has answered: keys, w for half a second, a comma for two, W for until it has spoken), send (auto, events, info or inband), tone, gap, " +
		"retry (how long to wait before it is dialled again), ended and lost: docs/links.md. " +
		"For instance: - {room: \"354233\", number: \"84957776675\", trunk: provider, dtmf: \"ww354233\"}"},
	{linesPath, "Lines that several links share: each has a name, and a capacity, which is how many calls it takes at the same time (1): docs/links.md."},
	{asteriskPath, "What sipconf asks of an Asterisk besides calls: that *1 between two phones makes a conference of their call. docs/asterisk.md."},
	{menusPath, "Which keys do what in a room: docs/menus.md."},
	{"prompts", "What is said to callers, and in which language: docs/prompts.md."},
	{"recordings", "What hosts record of their rooms, with **4: docs/menus.md."},
	{"metrics", "Figures for Prometheus, and whether the server is well: /metrics, /healthz, /readyz."},
	{"ctl", "How sipconf ctl reaches the server that runs: docs/operations.md."},
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
		"The most by which the jitter buffer may delay a call: from when a packet comes until it is played.",
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
	{"rooms.announce", []string{"false"},
		"Whether a room is told in words, under what is said, who joins and leaves: \"201 has joined\". Several at once are counted in one sentence.",
		one(switchForm, func(c *Config) *bool { return &c.Rooms.Announce })},

	{"dialout.trunk", []string{""},
		"The trunk that is tried first; the others follow in their order. Empty: the first one.",
		one(textForm, func(c *Config) *string { return &c.Dialout.Trunk })},
	{"dialout.name", []string{"Conference ${ROOM}"},
		"The name that the phones of colleagues show who are called: those behind a trunk with internal: true. Empty: none.",
		one(textForm, func(c *Config) *string { return &c.Dialout.Name })},
	{"dialout.ring", []string{"30s"},
		"How long a phone rings before that is no answer.",
		one(durationForm(time.Second, mostRing, false), func(c *Config) *time.Duration { return &c.Dialout.Ring })},
	{"dialout.response", []string{"4s"},
		"How long a trunk has for its first response before the next one is tried.",
		one(durationForm(500*time.Millisecond, 32*time.Second, false), func(c *Config) *time.Duration { return &c.Dialout.Response })},
	{"dialout.accept", []string{"30s"},
		"How long somebody who has answered has to press 1, where his policy asks for it.",
		one(durationForm(time.Second, 10*time.Minute, false), func(c *Config) *time.Duration { return &c.Dialout.Accept })},
	{"dialout.redirects", []string{"3"},
		"How many numbers of redirections (302) are dialled for one call. 0: none.",
		one(numberForm(0, 20), func(c *Config) *int { return &c.Dialout.Redirects })},
	{"dialout.max_digits", []string{"11"},
		"The most digits of a number.",
		one(numberForm(1, 32), func(c *Config) *int { return &c.Dialout.Rules.MaxDigits })},
	{"dialout.allow", []string{"_X!"},
		"Patterns of the numbers that may be dialled. Empty: all that are not denied.",
		many(patternForm, func(c *Config) *[]string { return &c.Dialout.Rules.Allow })},
	{"dialout.deny", []string{"_00X!", "_011XXXXXXX!", "_810XXXXXXX!"},
		"Patterns of those that may not, whatever dialout.allow says.",
		many(patternForm, func(c *Config) *[]string { return &c.Dialout.Rules.Deny })},
	{"dialout.own", []string{"_*1X.", "_*XXX"},
		"Patterns of the numbers that the PBX sends to us: to dial one would be a loop.",
		many(patternForm, func(c *Config) *[]string { return &c.Dialout.Rules.Own })},
	{"dialout.prefixes", []string{},
		"What may stand before a number without making it another one: with 7 and 8, +79161234567 and 89161234567 are one phone.",
		many(textForm, func(c *Config) *[]string { return &c.Dialout.Rules.Prefixes })},
	{"dialout.room_at_once", []string{"100"},
		"The most calls of one room that ring or talk. 0: no limit.",
		one(numberForm(0, 30000), func(c *Config) *int { return &c.Dialout.Limits.RoomAtOnce })},
	{"dialout.caller_at_once", []string{"100"},
		"The most that one caller has asked for.",
		one(numberForm(0, 30000), func(c *Config) *int { return &c.Dialout.Limits.CallerAtOnce })},
	{"dialout.room_daily", []string{"500"},
		"The most calls of one room from midnight to midnight, but for those over internal trunks.",
		one(numberForm(0, 1000000), func(c *Config) *int { return &c.Dialout.Limits.RoomDaily })},
	{"dialout.caller_daily", []string{"500"},
		"The most that one caller has asked for.",
		one(numberForm(0, 1000000), func(c *Config) *int { return &c.Dialout.Limits.CallerDaily })},

	{"groups.store", []string{"sqlite:///var/lib/sipconf/sipconf.db"},
		"Where they are: sqlite:///FILE, which is made if need be, postgres://USER:PASSWORD@HOST/DATABASE, mysql://..., sqlserver://..., or list.",
		one(storeForm, func(c *Config) *string { return &c.Groups.Store })},
	{"groups.query", []string{""},
		"Your own SELECT of extension, name and description, with the group's id as its one parameter: ? for SQLite and MySQL, $1 for PostgreSQL, @p1 for SQL Server. Empty: the table conf_groups.",
		one(queryForm, func(c *Config) *string { return &c.Groups.Query })},

	{"groups.ring", []string{"25s"},
		"How long each number of a member rings.",
		one(durationForm(time.Second, mostRing, false), func(c *Config) *time.Duration { return &c.Groups.Ring })},
	{"groups.next_after", []string{"0"},
		"When the next number of a member rings as well. 0: when the one before has ended.",
		one(durationForm(time.Second, 10*time.Minute, true), func(c *Config) *time.Duration { return &c.Groups.NextAfter })},
	{"groups.wait", []string{"60s"},
		"How long a member waits for a free line of a trunk, or a seat in the room.",
		one(durationForm(time.Second, time.Hour, false), func(c *Config) *time.Duration { return &c.Groups.Wait })},
	{"groups.ends_with_caller", []string{"false"},
		"Whether what rings is cancelled when who called the group leaves.",
		one(switchForm, func(c *Config) *bool { return &c.Groups.EndsWithCaller })},
	{"groups.unknown", []string{groupStay},
		"What becomes of who calls a group that does not exist, when he has been told: stay in the room of his number, or release.",
		one(unknownGroupForm, func(c *Config) *string { return &c.Groups.Unknown })},

	{"menus.hosts", []string{},
		"Patterns of the numbers of those who are hosts. Who calls a group together is one in that room as well.",
		many(patternForm, func(c *Config) *[]string { return &c.Menus.Hosts })},
	{"menus.pause", []string{"3s"},
		"How long after a key the next one of a sequence, or of a number, may come.",
		one(durationForm(500*time.Millisecond, 30*time.Second, false), func(c *Config) *time.Duration { return &c.Menus.Pause })},
	{"menus.dial_tone", []string{"10s"},
		"How long the dial tone is heard.",
		one(durationForm(time.Second, 60*time.Second, false), func(c *Config) *time.Duration { return &c.Menus.DialTone })},

	{"prompts.folder", []string{""},
		"A folder with recordings that replace those of sipconf, as FOLDER/en/busy.wav. Empty: none.",
		one(folderForm, func(c *Config) *string { return &c.Prompts.Folder })},
	{"prompts.language", []string{prompts.English},
		"The language of what is said: en or ru.",
		one(languageForm, func(c *Config) *string { return &c.Prompts.Language })},

	{"recordings.folder", []string{""},
		"The folder of the recordings, ROOM-YYYYMMDD-HHMMSS.wav, 58 MB an hour; sipconf deletes none. Empty: nobody records.",
		one(folderForm, func(c *Config) *string { return &c.Recordings.Folder })},

	{"metrics.listen", []string{"127.0.0.1:9090"},
		"The address that serves them over HTTP, without a password. Empty: none does. If the port is taken, a warning says so and the server runs without.",
		one(httpForm, func(c *Config) *string { return &c.Metrics.Listen })},

	{"ctl.socket", []string{usualSocket},
		"The Unix socket of sipconf ctl, which only root and the server's own user may open. Empty: none. If it cannot be made, the server does not start; at the default it makes the folder if it may, or else warns and runs without.",
		one(socketForm, func(c *Config) *string { return &c.Ctl.Socket })},

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
	c := &Config{Numbers: plan.Default(), Menus: MenusConfig{Participant: menu.Default(), Host: menu.DefaultHost()}}
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
