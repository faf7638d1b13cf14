package sip

import (
	"strings"
	"testing"
)

func TestNumberAt(t *testing.T) {
	for _, test := range []struct{ number, address, transport, want string }{
		{"200", "sip:192.168.1.1:5060", "", "sip:200@192.168.1.1:5060"},
		{"200", "192.168.1.1:5060", "", "sip:200@192.168.1.1:5060"},
		{"200", "pbx", "", "sip:200@pbx"},
		{"200", "pbx.example.com:5070", "udp", "sip:200@pbx.example.com:5070;transport=udp"},
		{"200", "SIP:pbx", "TCP", "sip:200@pbx;transport=tcp"},
		{"200", "sip:pbx;transport=TCP", "", "sip:200@pbx;transport=TCP"},
		{"200", "sip:pbx;transport=TCP", "tcp", "sip:200@pbx;transport=tcp"},
		{"200", "[2001:db8::1]:5060", "", "sip:200@[2001:db8::1]:5060"},
		{"200", "sip:[2001:db8::1]", "tcp", "sip:200@[2001:db8::1];transport=tcp"},
		{"", "sip:192.168.1.1", "tcp", "sip:192.168.1.1;transport=tcp"},
		{"", "pbx", "", "sip:pbx"},
		{"*100", "pbx", "", "sip:*100@pbx"},
		{"#1 2", "pbx", "", "sip:%231%202@pbx"},
		{"+49@evil", "pbx", "", "sip:+49%40evil@pbx"},
		{"1:2\r\nVia: x", "pbx", "", "sip:1%3A2%0D%0AVia%3A%20x@pbx"},
		{"200", "sip:pbx?Subject=x", "", "sip:200@pbx"},
	} {
		if got, err := NumberAt(test.number, test.address, test.transport); got != test.want || err != nil {
			t.Errorf("%q at %q by %q: %q %v, want %q", test.number, test.address, test.transport, got, err, test.want)
		}
	}
	for _, test := range []struct{ address, transport, want string }{
		{"", "", "write for example sip:192.168.1.1:5060"},
		{"sip:", "", "write for example"},
		{"sips:pbx", "", "write for example"},
		{"2001:db8::1", "", "write for example"},
		{"pbx:sip", "", "write for example"},
		{"pbx:70000", "", "write for example"},
		{"pbx\r\nVia: x", "", "write for example"},
		{"sip:pbx;transport=tls", "", "transport TLS"},
		{"sip:alice@pbx", "", "write sip:pbx"},
		{"sip:pbx;transport=tcp", "udp", "write it once"},
		{"pbx", "tls", "transport TLS"},
		{"pbx", "tcp;x", "not supported"},
	} {
		if got, err := NumberAt("200", test.address, test.transport); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q by %q: %q %v, want an error with %q", test.address, test.transport, got, err, test.want)
		}
	}
}

func TestNumberIn(t *testing.T) {
	for uri, want := range map[string]string{
		"sip:200@192.168.1.1:5060;transport=tcp": "200",
		"sip:%2A100@pbx":                         "*100",
		"sip:200;phone-context=x@pbx":            "200",
		"sips:200@pbx":                           "200",
		"tel:+49200;ext=1":                       "+49200",
		"sip:pbx":                                "",
		"sip:@pbx":                               "",
		"":                                       "",
		"200":                                    "",
		"sip:a:b@pbx":                            "a",
		"urn:service:sos":                        "",
	} {
		if got := NumberIn(uri); got != want {
			t.Errorf("%q: got %q, want %q", uri, got, want)
		}
	}
}

func TestAddressIn(t *testing.T) {
	for uri, want := range map[string]string{
		"sip:200@192.168.1.1:5061":              "udp 192.168.1.1:5061",
		"sip:[2001:db8::1];transport=TCP":       "tcp [2001:db8::1]:5060",
		"sip:200@[::ffff:10.0.0.1]":             "udp 10.0.0.1:5060",
		"sip:pbx;transport=tcp":                 "tcp",
		"sip:200@192.168.1.1.example.com":       "udp",
		"sip:192.168.1.1@pbx":                   "udp",
		"tel:+49200":                            "",
		"":                                      "",
		"sip:200@pbx;maddr=192.168.1.1":         "udp",
		"sip:200@192.168.1.1:5060;transport=ws": "",
	} {
		network, at, numeric := AddressIn(uri)
		got := network
		if numeric {
			got += " " + at.String()
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", uri, got, want)
		}
	}
}

// FuzzNumberAt: what people and databases write becomes a URI that can be
// called, of the number and the host that were written, or an error.
func FuzzNumberAt(f *testing.F) {
	f.Add("200", "sip:192.168.1.1:5060", "tcp")
	f.Add("*1;x@y", "pbx;transport=tcp", "")
	f.Add("", "[::1]:5060", "UDP")
	f.Fuzz(func(t *testing.T, number, address, transport string) {
		NumberIn(address)
		AddressIn(address)
		text, err := NumberAt(number, address, transport)
		if err != nil {
			return
		}
		target := Target{URI: text}
		uri, network, err := target.uri()
		if err != nil {
			t.Fatalf("%q cannot be called: %v", text, err)
		}
		if transport != "" && !strings.EqualFold(network, transport) {
			t.Errorf("%q goes by %s, not by %q", text, network, transport)
		}
		if want := escapeUser(number); uri.User != want {
			t.Errorf("%q calls %q, want %q", text, uri.User, want)
		}
		if got, want := NumberIn(text), numberIn(escapeUser(number)); got != want {
			t.Errorf("in %q there is %q, want %q", text, got, want)
		}
		if !strings.Contains(address, uri.Host) {
			t.Errorf("%q is at %q, not at %q", text, uri.Host, address)
		}
		if again, err := NumberAt(number, strings.Replace(text, uri.User+"@", "", 1), ""); number != "" && (again != text || err != nil) {
			t.Errorf("%q is not what its address makes: %q %v", text, again, err)
		}
	})
}

func TestSameHost(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"sip:200@192.0.2.1", "sip:192.0.2.1:5060", true},
		{"sip:200@PBX.example;transport=tcp", "sip:pbx.example", true},
		{"sip:200@[::1]", "sip:[::1]:5060", true},
		{"sip:192.0.2.1:5070", "sip:192.0.2.1", false},
		{"sip:200@192.0.2.1", "sip:192.0.2.2", false},
		{"tel:200", "tel:200", false},
		{"", "", false},
	} {
		if got := SameHost(test.a, test.b); got != test.want {
			t.Errorf("%s and %s: %v", test.a, test.b, got)
		}
	}
}
