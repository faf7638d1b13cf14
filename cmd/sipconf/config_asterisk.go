package main

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/sipconf/sipconf/asterisk/ami"
	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/rooms/plan"
)

// The section asterisk has one key, asterisk.ami: a list of records, one for each PBX.
const (
	asteriskPath = "asterisk"
	amiPath      = asteriskPath + ".ami"
	amiDoc       = "The manager interfaces at which we hear of *1, one for each Asterisk. Without one *1 between two phones does nothing. Each has address, username and secret, " +
		"and may have name, for logs and metrics, and context, exten and priority, where in the dialplan both go on: sipconf-room, *1${ROOM}, 1. " +
		"The environment variable SIPCONF_ASTERISK_AMI_NAME_SECRET is the secret of that name, SIPCONF_ASTERISK_AMI_SECRET of those without one. " +
		"For example: - {address: \"192.168.1.1:5038\", username: sipconf, secret: \"...\"}"
)

// AsteriskConfig is the section asterisk.
type AsteriskConfig struct {
	AMI []manager
}

// A manager is the manager interface of an Asterisk, and what is asked of it.
type manager struct {
	Name     string // empty: as the address
	Address  string // host:port
	Username string
	Secret   dialout.Secret

	// Where in the dialplan both go on who have talked to each other; empty or 0: the default.
	Context  string
	Exten    string // with ${ROOM}
	Priority int
}

// defaultAMIPort is that of Asterisk's manager.conf.
const defaultAMIPort = "5038"

// label is what logs and metrics call the PBX.
func (m *manager) label() string {
	if m.Name != "" {
		return m.Name
	}
	return m.Address
}

// place is where those go on who are to be in that room.
func (m *manager) place(room string) ami.Place {
	to := ami.Place{Context: m.Context, Exten: m.Exten, Priority: m.Priority}
	if to.Context == "" {
		to.Context = "sipconf-room"
	}
	if to.Exten == "" {
		to.Exten = "*1" + roomVariable
	}
	if to.Priority == 0 {
		to.Priority = 1
	}
	to.Exten = strings.ReplaceAll(to.Exten, roomVariable, room)
	return to
}

// amiFields are the keys of one manager interface.
var amiFields = []field[manager]{
	{"name", one(textForm, func(m *manager) *string { return &m.Name })},
	{"address", one(managerForm, func(m *manager) *string { return &m.Address })},
	{"username", one(textForm, func(m *manager) *string { return &m.Username })},
	{"secret", one(secretForm, func(m *manager) *dialout.Secret { return &m.Secret })},
	{"context", one(textForm, func(m *manager) *string { return &m.Context })},
	{"exten", one(textForm, func(m *manager) *string { return &m.Exten })},
	{"priority", one(numberForm(1, 1000), func(m *manager) *int { return &m.Priority })},
}

// readAMI reads asterisk.ami.
func (r *configReader) readAMI(at place, node ast.Node) {
	if all, ok := readRecords(r, at, amiPath, node, amiFields, `{address: "192.168.1.1:5038", username: sipconf, secret: "..."}`); ok {
		r.config.Asterisk.AMI = all
	}
}

// checkAMI looks at each manager interface, and for two that are one.
func (r *configReader) checkAMI() {
	addresses, labels := map[string]int{}, map[string]int{}
	for i := range r.config.Asterisk.AMI {
		m := &r.config.Asterisk.AMI[i]
		record := fmt.Sprintf("%s[%d]", amiPath, i)
		if !r.good(record) {
			continue
		}
		r.checkManager(record, m)
		if before, again := addresses[m.Address]; again && m.Address != "" {
			r.recordFault(record, "address", m.Address, fmt.Errorf("it is that of %s[%d], and who hears of *1 twice does it twice", amiPath, before))
		} else if before, again := labels[m.label()]; again && m.Name != "" {
			r.recordFault(record, "name", m.Name, fmt.Errorf("it is the name of %s[%d] already", amiPath, before))
		}
		addresses[m.Address], labels[m.label()] = i, i
	}
}

// checkManager looks at one.
func (r *configReader) checkManager(record string, m *manager) {
	if m.Address == "" {
		r.recordFault(record, "address", "", errors.New("it is missing; write that of the Asterisk and the port of its manager.conf, such as 192.168.1.1:5038"))
	}
	if m.Username == "" || strings.ContainsFunc(m.Username, unprintable) {
		r.recordFault(record, "username", m.Username, errors.New("write the name of a section of Asterisk's manager.conf, such as sipconf"))
	}
	switch secret := string(m.Secret); {
	case secret == "":
		r.recordFault(record, "secret", "", fmt.Errorf("it is missing; write that of the section in manager.conf, or set %s", managerVariable(m)))
	case strings.ContainsFunc(secret, unprintable):
		r.recordFault(record, "secret", "", errors.New("it has a line break or another control character in it, which no secret in manager.conf has"))
	}
	if m.Context != "" && !ami.ValidContext(m.Context) {
		r.recordFault(record, "context", m.Context, errors.New("a context is made of letters, digits, dots, _ and -"))
	}
	r.checkExten(record, m)
}

// checkExten looks whether people who go there would come into the room: at a few of them, for numbers have two to five digits
// in most offices.
func (r *configReader) checkExten(record string, m *manager) {
	if m.Exten != "" && (!strings.Contains(m.Exten, roomVariable) || !ami.ValidExten(strings.ReplaceAll(m.Exten, roomVariable, ""))) && m.Exten != roomVariable {
		r.recordFault(record, "exten", m.Exten, fmt.Errorf("write what the dialplan is to dial for a room, digits and * # + with %s, such as *1%[1]s", roomVariable))
		return
	}
	numbers, err := plan.Compile(r.config.Numbers)
	if err != nil || !r.good(numbersPath) {
		return
	}
	for _, room := range []string{"12", "101", "2001", "30001"} {
		if leads(numbers, m.place(room).Exten, room) {
			return
		}
	}
	at := r.seen[record]
	if written, ok := r.seen[record+".exten"]; ok {
		at = written
	}
	r.warning(at, record+".exten", "numbers leads %s to no room 2001, nor to others likewise, so that *1 would do nothing: add the rule {pattern: \"_*1X.\", room: \"${EXTEN:2}\"}", m.place("2001").Exten)
}

// leads says whether whoever dials that number comes into that room, and calls nobody together by it.
func leads(numbers *plan.Plan, number, room string) bool {
	to, ok := numbers.Route(number, "")
	return ok && to.Room == room && to.Group == ""
}

// managerVariable is the name of the environment variable with a manager's secret.
func managerVariable(m *manager) string {
	const prefix = variablePrefix + "ASTERISK_AMI_"
	if m.Name == "" {
		return prefix + "SECRET"
	}
	return prefix + variableWord(m.Name) + "_SECRET"
}

// managersOfVariable sets the secrets that this variable is, so that they need not stand in the file, and says whether there are any.
func (r *configReader) managersOfVariable(name, secret string) (found bool) {
	for i := range r.config.Asterisk.AMI {
		if m := &r.config.Asterisk.AMI[i]; name == managerVariable(m) {
			m.Secret, found = dialout.Secret(secret), true
		}
	}
	return found
}

func unprintable(c rune) bool { return c < ' ' || c == 0x7F || c == 0xFFFD }

// managerForm is where a manager listens, with its port.
var managerForm = form[string]{
	name: "an address", quoted: true,
	parse: func(text string) (string, error) {
		wrong := misfit(text, "the address of a manager interface", "HOST:PORT such as 192.168.1.1:5038, an IPv6 address in brackets")
		host, port, err := net.SplitHostPort(text)
		if err != nil {
			host, port = strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"), defaultAMIPort
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return "", wrong
		}
		if host == "" || strings.ContainsAny(host, "/@[]") || strings.ContainsFunc(host, func(c rune) bool { return c <= ' ' || c > '~' }) {
			return "", wrong
		}
		if strings.Contains(host, ":") && net.ParseIP(host) == nil {
			return "", wrong
		}
		return net.JoinHostPort(host, port), nil
	},
	write: func(text string) string { return text },
}
