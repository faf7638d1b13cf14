package roster

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"
)

// board is a conference with people of all kinds.
func board() *Conference {
	return &Conference{URI: "sip:5234@192.0.2.20:5060", Name: "Conference 5234", Version: 7, Most: 100, Users: []User{
		{URI: "sip:101@192.0.2.20:5060", Name: "Anna", Host: true, Endpoint: Endpoint{ID: "a1", Status: Connected}},
		{URI: "sip:102@192.0.2.20:5060", Name: `Boris "the <Boss>" & Co`, Endpoint: Endpoint{ID: "b2", Status: Muted, Called: true}},
		{URI: "sip:101@192.0.2.20:5060", Name: "Anna", Endpoint: Endpoint{ID: "a3", Status: OnHold}},
		{URI: "sip:103@192.0.2.20:5060", Endpoint: Endpoint{Status: Alerting}},
		{URI: "sip:104@192.0.2.20:5060", Endpoint: Endpoint{Status: DialingOut}},
		{URI: "sip:105@192.0.2.20:5060", Endpoint: Endpoint{Status: Disconnected, Ended: Busy}},
		{URI: "sip:106@192.0.2.20:5060", Endpoint: Endpoint{ID: "c4", Status: Disconnected, Ended: Failed, Why: "no answer"}},
		{URI: "sip:107@192.0.2.20:5060", Endpoint: Endpoint{Status: Pending}},
		{URI: "sip:900@192.0.2.20:5060", Line: true, Endpoint: Endpoint{Status: Connected, Called: true}},
	}}
}

func TestConference(t *testing.T) {
	const want = `<?xml version="1.0" encoding="UTF-8"?>
<conference-info xmlns="urn:ietf:params:xml:ns:conference-info" entity="sip:5234@192.0.2.20:5060" state="full" version="7">
<conference-description><display-text>Conference 5234</display-text><conf-uris><entry><uri>sip:5234@192.0.2.20:5060</uri><purpose>participation</purpose></entry></conf-uris><maximum-user-count>100</maximum-user-count></conference-description>
<conference-state><user-count>2</user-count><active>true</active><locked>false</locked></conference-state>
<users>
<user entity="sip:101@192.0.2.20:5060"><display-text>Anna</display-text><roles><entry>moderator</entry></roles><endpoint entity="sip:101@192.0.2.20:5060;gr=a1"><status>connected</status><joining-method>dialed-in</joining-method><media id="1"><type>audio</type><status>sendrecv</status></media></endpoint><endpoint entity="sip:101@192.0.2.20:5060;gr=a3"><status>on-hold</status><joining-method>dialed-in</joining-method><media id="1"><type>audio</type><status>inactive</status></media></endpoint></user>
<user entity="sip:102@192.0.2.20:5060"><display-text>Boris &#34;the &lt;Boss&gt;&#34; &amp; Co</display-text><endpoint entity="sip:102@192.0.2.20:5060;gr=b2"><status>muted-via-focus</status><joining-method>dialed-out</joining-method><media id="1"><type>audio</type><status>recvonly</status></media></endpoint></user>
<user entity="sip:103@192.0.2.20:5060"><endpoint entity="sip:103@192.0.2.20:5060"><status>alerting</status></endpoint></user>
<user entity="sip:104@192.0.2.20:5060"><endpoint entity="sip:104@192.0.2.20:5060"><status>dialing-out</status></endpoint></user>
<user entity="sip:105@192.0.2.20:5060"><endpoint entity="sip:105@192.0.2.20:5060"><status>disconnected</status><disconnection-method>busy</disconnection-method></endpoint></user>
<user entity="sip:106@192.0.2.20:5060"><endpoint entity="sip:106@192.0.2.20:5060;gr=c4"><status>disconnected</status><disconnection-method>failed</disconnection-method><disconnection-info><reason>no answer</reason></disconnection-info></endpoint></user>
<user entity="sip:107@192.0.2.20:5060"><endpoint entity="sip:107@192.0.2.20:5060"><status>pending</status></endpoint></user>
<user entity="sip:900@192.0.2.20:5060"><endpoint entity="sip:900@192.0.2.20:5060"><status>connected</status><joining-method>dialed-out</joining-method><media id="1"><type>audio</type><status>sendrecv</status></media></endpoint></user>
</users>
</conference-info>
`
	if got := string(board().Document(0)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestLamp(t *testing.T) {
	for lit, want := range map[bool]string{
		true:  `<dialog id="5234" direction="recipient"><state>confirmed</state>`,
		false: `<dialog id="5234"><state>terminated</state>`,
	} {
		l := Lamp{URI: "sip:5234@192.0.2.20:5060", ID: "5234", Version: 3, Lit: lit}
		if got, want := string(l.Document()), `<?xml version="1.0" encoding="UTF-8"?>
<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="3" state="full" entity="sip:5234@192.0.2.20:5060">
`+want+`<local><identity>sip:5234@192.0.2.20:5060</identity><target uri="sip:5234@192.0.2.20:5060"/></local></dialog>
</dialog-info>
`; got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}

// read is what a telephone makes of a conference.
type read struct {
	XMLName xml.Name `xml:"urn:ietf:params:xml:ns:conference-info conference-info"`
	Entity  string   `xml:"entity,attr"`
	Name    string   `xml:"conference-description>display-text"`
	Count   int      `xml:"conference-state>user-count"`
	Locked  bool     `xml:"conference-state>locked"`
	Users   []struct {
		Entity    string `xml:"entity,attr"`
		Name      string `xml:"display-text"`
		Endpoints []struct {
			Entity string `xml:"entity,attr"`
			Status string `xml:"status"`
			Why    string `xml:"disconnection-info>reason"`
		} `xml:"endpoint"`
	} `xml:"users>user"`
}

func readBack(t *testing.T, document []byte) (r read) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(string(document)))
	if err := d.Decode(&r); err != nil {
		t.Fatalf("it cannot be read: %v\n%s", err, document)
	}
	if rest, err := d.Token(); err != io.EOF && strings.TrimSpace(fmt.Sprintf("%s", rest)) != "" {
		t.Fatalf("behind it: %v %v", rest, err)
	}
	return r
}

// TestNamesAreText: names come from telephones, databases and strangers. Whatever they are, they are no markup.
func TestNamesAreText(t *testing.T) {
	for _, name := range []string{
		"Anna", `</display-text><user entity="x">`, "]]>", "<!-- -->", "&amp;", `"'`, "Ä ö 日本 😀", "&#0;", `\`, "a\tb",
	} {
		c := Conference{URI: "sip:1@h", Name: name, Users: []User{{URI: "sip:" + name + "@h", Name: name, Endpoint: Endpoint{Status: Disconnected, Ended: Failed, Why: name}}}}
		r := readBack(t, c.Document(0))
		if r.Name != name || len(r.Users) != 1 || r.Users[0].Name != name || r.Users[0].Entity != "sip:"+name+"@h" || r.Users[0].Endpoints[0].Why != name {
			t.Errorf("%q became %+v", name, r)
		}
		l := Lamp{URI: name, ID: name}
		var lamp struct {
			Entity string `xml:"entity,attr"`
			Dialog struct {
				ID       string `xml:"id,attr"`
				Identity string `xml:"local>identity"`
			} `xml:"dialog"`
		}
		if err := xml.Unmarshal(l.Document(), &lamp); err != nil || lamp.Entity != name || lamp.Dialog.ID != name || lamp.Dialog.Identity != name {
			t.Errorf("%q became %+v, %v", name, lamp, err)
		}
	}
}

// TestLargeConference: it says less of each before it leaves anybody out, and never how many there are.
func TestLargeConference(t *testing.T) {
	var c Conference
	for n := range 1000 {
		c.Users = append(c.Users, User{URI: fmt.Sprintf("sip:%d@192.0.2.20:5060", 1000+n), Name: "Somebody With A Name", Host: true, Endpoint: Endpoint{ID: "0123456789abcdef", Status: Connected}})
	}
	last := 1000
	for _, most := range []int{0, 400_000, 300_000, 100_000, 60_000, 20_000, 2_000, 600} {
		document := c.Document(most)
		if most > 0 && len(document) > most {
			t.Errorf("%d bytes of %d", len(document), most)
		}
		r := readBack(t, document)
		if r.Count != 1000 || len(r.Users) > last {
			t.Errorf("%d bytes: %d users, and it says %d", most, len(r.Users), r.Count)
		}
		if most >= 300_000 && len(r.Users) != 1000 || most == 60_000 && len(r.Users) < 250 || most == 20_000 && len(r.Users) < 80 {
			t.Errorf("%d bytes: %d users", most, len(r.Users))
		}
		last = len(r.Users)
	}
}

// TestFiftyPeopleFitInADatagram, with all that there is to say of them.
func TestFiftyPeopleFitInADatagram(t *testing.T) {
	c := Conference{URI: "sip:5234@[2001:db8:0:1:2:3:4:5]:5060", Name: "Conference 5234", Most: 100}
	for n := range 100 {
		c.Users = append(c.Users, User{URI: fmt.Sprintf("sip:+4930123%04d@[2001:db8:0:1:2:3:4:5]:5060", n), Name: strings.Repeat("Ж", 20), Host: true, Endpoint: Endpoint{ID: "0123456789abcdef", Status: Connected}})
		if n != 49 && n != 99 {
			continue
		}
		document := c.Document(60_000)
		t.Logf("%d people: %d bytes", n+1, len(document))
		if r := readBack(t, document); len(r.Users) != n+1 || !strings.Contains(string(document), "joining-method") {
			t.Errorf("%d users in %d bytes", len(r.Users), len(document))
		}
	}
}

func FuzzConference(f *testing.F) {
	f.Add("sip:1@h", "Anna", "no answer", 500)
	f.Add("\x00\xff", "]]>", "&<>", 1)
	f.Fuzz(func(t *testing.T, uri, name, why string, most int) {
		c := Conference{URI: uri, Name: name, Users: []User{
			{URI: uri, Name: name, Endpoint: Endpoint{ID: why, Status: Connected}}, {URI: name, Endpoint: Endpoint{Status: Disconnected, Ended: Busy, Why: why}},
		}}
		document := c.Document(most)
		if !utf8.Valid(document) {
			t.Error("it is not UTF-8")
		}
		readBack(t, document)
	})
}
