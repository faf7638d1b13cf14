package roster

import "strconv"

// ConferenceType is the media type of a Conference's document.
const ConferenceType = "application/conference-info+xml"

// Conference is one at one moment. Plain data.
type Conference struct {
	URI     string // by which it is called: "sip:5234@192.168.1.1:5060"
	Name    string // as telephones show it; empty: none
	Version uint32 // one more with each document that a subscriber gets
	Most    int    // how many may be in it; 0: it does not say
	Locked  bool
	Users   []User // those with the same URI are one user
}

// User is somebody who is in the conference, is called into it, or was. Plain data.
type User struct {
	URI  string
	Name string // empty: none
	Host bool
	Line bool // a line to another conference, which is no person, and does not count
	Endpoint
}

// Endpoint is the telephone of a user. Plain data.
type Endpoint struct {
	ID     string // tells the telephones of a user apart; it becomes a part of a URI
	Status Status
	Called bool       // the conference has called him; else he has
	Ended  EndingKind // of one who is Disconnected
	Why    string     // in words; empty: none
}

// Status is how far an endpoint has come, in the words of RFC 4575 section 5.6.4.
type Status string

const (
	DialingOut   Status = "dialing-out"     // it is called
	Alerting     Status = "alerting"        // it rings
	Pending      Status = "pending"         // it has answered, and is asked whether it wants to come in
	Connected    Status = "connected"       //
	OnHold       Status = "on-hold"         //
	Muted        Status = "muted-via-focus" // it hears the others and is not heard
	Disconnected Status = "disconnected"    //
)

// EndingKind is how an endpoint has left, or has not come (RFC 4575 section 5.6.7).
type EndingKind string

const (
	Departed EndingKind = "departed" // by himself
	Booted   EndingKind = "booted"   // a host has sent him away
	Failed   EndingKind = "failed"   // he was not reached
	Busy     EndingKind = "busy"     //
)

// inside says whether an endpoint is in the conference.
func (e *Endpoint) inside() bool {
	return e.Status == Connected || e.Status == OnHold || e.Status == Muted
}

// Document writes the conference, in most bytes at most: 0 is as many as it takes. One that is too large says less of each,
// and if that does not help it leaves out the last ones; how many there are it says in any case.
func (c *Conference) Document(most int) []byte {
	full := c.write(len(c.Users), true)
	if most <= 0 || len(full) <= most {
		return full
	}
	if brief := c.write(len(c.Users), false); len(brief) <= most {
		return brief
	}
	fits, tooMany := 0, len(c.Users)
	for tooMany-fits > 1 {
		if half := (fits + tooMany) / 2; len(c.write(half, false)) <= most {
			fits = half
		} else {
			tooMany = half
		}
	}
	return c.write(fits, false)
}

// write writes the conference with so many of its users.
func (c *Conference) write(users int, details bool) []byte {
	w := &writer{}
	w.raw(header, `<conference-info xmlns="urn:ietf:params:xml:ns:conference-info"`)
	w.attribute("entity", c.URI)
	w.raw(` state="full"`)
	w.attribute("version", strconv.FormatUint(uint64(c.Version), 10))
	w.raw(">\n<conference-description>")
	w.element("display-text", c.Name)
	w.raw("<conf-uris><entry>")
	w.element("uri", c.URI)
	w.raw("<purpose>participation</purpose></entry></conf-uris>")
	if c.Most > 0 {
		w.element("maximum-user-count", strconv.Itoa(c.Most))
	}
	w.raw("</conference-description>\n<conference-state>")
	w.element("user-count", strconv.Itoa(c.count()))
	w.element("active", "true")
	w.element("locked", strconv.FormatBool(c.Locked))
	w.raw("</conference-state>\n<users>\n")
	for _, same := range byURI(c.Users[:users]) {
		w.user(same, details)
	}
	w.raw("</users>\n</conference-info>\n")
	return w.Bytes()
}

// count is how many users are in the conference.
func (c *Conference) count() int {
	in := make(map[string]bool)
	for i := range c.Users {
		if u := &c.Users[i]; u.inside() && !u.Line {
			in[u.URI] = true
		}
	}
	return len(in)
}

// byURI puts those together who are one user: the entity of a user is his alone (RFC 4575 section 5.6).
func byURI(users []User) (all [][]*User) {
	at := make(map[string]int, len(users))
	for i := range users {
		u := &users[i]
		n, known := at[u.URI]
		if !known {
			n = len(all)
			at[u.URI] = n
			all = append(all, nil)
		}
		all[n] = append(all[n], u)
	}
	return all
}

// user writes one with his endpoints.
func (w *writer) user(endpoints []*User, details bool) {
	u := endpoints[0]
	w.raw("<user")
	w.attribute("entity", u.URI)
	w.raw(">")
	w.element("display-text", u.Name)
	if u.Host && details {
		w.raw("<roles><entry>moderator</entry></roles>")
	}
	for _, e := range endpoints {
		w.endpoint(e, details)
	}
	w.raw("</user>\n")
}

func (w *writer) endpoint(u *User, details bool) {
	e := &u.Endpoint
	w.raw("<endpoint")
	w.attribute("entity", e.uri(u.URI))
	w.raw(">")
	w.element("status", string(e.Status))
	if details && e.inside() {
		method := "dialed-in"
		if e.Called {
			method = "dialed-out"
		}
		w.element("joining-method", method)
	}
	if e.Status == Disconnected {
		w.element("disconnection-method", string(e.Ended))
		if e.Why != "" && details {
			w.raw("<disconnection-info>")
			w.element("reason", e.Why)
			w.raw("</disconnection-info>")
		}
	}
	if details && e.inside() {
		w.raw(`<media id="1"><type>audio</type>`)
		w.element("status", e.direction())
		w.raw("</media>")
	}
	w.raw("</endpoint>")
}

// uri tells the endpoint from the others of its user (RFC 4575 section 5.6.1).
func (e *Endpoint) uri(user string) string {
	if e.ID == "" {
		return user
	}
	return user + ";gr=" + e.ID
}

// direction is which way its sound goes, as seen from it (RFC 4575 section 5.7).
func (e *Endpoint) direction() string {
	switch e.Status {
	case OnHold:
		return "inactive"
	case Muted:
		return "recvonly"
	}
	return "sendrecv"
}
