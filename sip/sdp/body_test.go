package sdp

import (
	"errors"
	"strings"
	"testing"
)

const mixed = "--unique-1\r\nContent-Type: application/isup;version=itu-t92+\r\n\r\n\x01\x02\r\n" +
	"--unique-1\r\nContent-Type: application/SDP\r\nContent-Disposition: session;handling=required\r\n\r\n" + plain + "\r\n--unique-1--\r\n"

func TestExtract(t *testing.T) {
	tests := []struct{ name, contentType, body string }{
		{"plain", "application/sdp", plain},
		{"any case, with a parameter", "Application/SDP; charset=utf-8", plain},
		{"malformed parameter", "application/sdp; charset", plain},
		{"multipart", "multipart/mixed;boundary=unique-1", mixed},
		{"multipart with quotes and LF", `multipart/mixed; boundary="unique-1"`, strings.ReplaceAll(mixed, "\r\n", "\n")},
		{"quoted-printable", "multipart/mixed;boundary=b", "--b\r\nContent-Type: application/sdp\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" +
			strings.ReplaceAll(plain, "=", "=3D") + "\r\n--b--\r\n"},
		{"alternative", "multipart/alternative; boundary=unique-1", mixed},
	}
	for _, test := range tests {
		got, err := Extract(test.contentType, []byte(test.body))
		if err != nil || string(got) != plain {
			t.Errorf("%s: got %q, %v", test.name, got, err)
		}
	}
}

func TestExtractNothing(t *testing.T) {
	tests := []struct{ name, contentType, body string }{
		{"another type", "application/dtmf-relay", "Signal=5\r\n"},
		{"no type", "", plain},
		{"no such part", "multipart/mixed;boundary=b", "--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b--\r\n"},
	}
	for _, test := range tests {
		if _, err := Extract(test.contentType, []byte(test.body)); !errors.Is(err, ErrNoDescription) {
			t.Errorf("%s: got %v", test.name, err)
		}
	}
	// A body that is cut off is a fault of the message, not of its type.
	cut := mixed[:strings.Index(mixed, "o=-")]
	if _, err := Extract("multipart/mixed;boundary=unique-1", []byte(cut)); err == nil || errors.Is(err, ErrNoDescription) {
		t.Errorf("cut off: got %v", err)
	}
}
