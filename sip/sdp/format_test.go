package sdp

import (
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestRoundTrip: what Bytes writes, Parse reads back as it was.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := description().Draw(t, "description")
		text := d.Bytes()
		got, err := Parse(text)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if !reflect.DeepEqual(got, d) {
			t.Fatalf("got %+v\nwant %+v\nfrom\n%s", got, d, text)
		}
	})
}

// description draws descriptions as Parse returns them: of every sort, with a good part of them acceptable.
func description() *rapid.Generator[*Description] {
	return rapid.Custom(func(t *rapid.T) *Description {
		d := &Description{
			Origin: Origin{
				Username:  rapid.SampledFrom([]string{"-", "alice", "John Doe", "Zoë"}).Draw(t, "username"),
				SessionID: rapid.StringMatching(`[0-9]{1,20}`).Draw(t, "session"),
				Version:   rapid.StringMatching(`[0-9]{1,20}`).Draw(t, "version"),
				Address:   address(t),
			},
			Timing: rapid.SampledFrom([]string{"0 0", "2873397496 2873404696"}).Draw(t, "timing"),
		}
		if rapid.Bool().Draw(t, "session c=") {
			d.Connection = address(t)
		}
		for range rapid.IntRange(0, 4).Draw(t, "lines") {
			d.Media = append(d.Media, media(t, d.Connection))
		}
		return d
	})
}

func media(t *rapid.T, session Address) Media {
	m := Media{
		Kind:       rapid.SampledFrom([]string{"audio", "audio", "AUDIO", "video", "image"}).Draw(t, "kind"),
		Port:       rapid.SampledFrom([]uint16{0, 9, 4000, 65535}).Draw(t, "port"),
		Proto:      rapid.SampledFrom([]string{"RTP/AVP", "RTP/AVP", "RTP/AVPF", "RTP/SAVP", "udptl"}).Draw(t, "proto"),
		Connection: session,
		Direction:  rapid.SampledFrom([]Direction{SendRecv, SendOnly, RecvOnly, Inactive}).Draw(t, "direction"),
		Ptime:      milliseconds(t, "ptime"),
		MaxPtime:   milliseconds(t, "maxptime"),
	}
	if rapid.Bool().Draw(t, "media c=") {
		m.Connection = address(t)
	}
	if port := rapid.SampledFrom([]uint16{0, 0, 4001}).Draw(t, "rtcp"); port != 0 {
		m.RTCP.Port = port
		if rapid.Bool().Draw(t, "rtcp address") {
			m.RTCP.Address = address(t)
		}
	}
	ids := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"0", "8", "9", "13", "18", "96", "97", "101", "127", "200", "t38"}),
		0, 6, rapid.ID[string]).Draw(t, "formats")
	for _, id := range ids {
		m.Formats = append(m.Formats, format(t, id))
	}
	return m
}

func format(t *rapid.T, id string) Format {
	f := Format{ID: id, Params: rapid.SampledFrom([]string{"", "", "0-15", "0-16", "annexb=no", "32-35"}).Draw(t, "params")}
	f.Encoding = rapid.SampledFrom([]string{"", "", "PCMA", "pcmu", "telephone-event", "opus", "CN"}).Draw(t, "encoding")
	if f.Encoding != "" {
		f.ClockRate = rapid.SampledFrom([]int{0, 8000, 8000, 16000, 48000}).Draw(t, "clock")
	}
	if f.ClockRate != 0 {
		f.Channels = rapid.SampledFrom([]int{0, 0, 2}).Draw(t, "channels")
	}
	return f
}

func milliseconds(t *rapid.T, label string) time.Duration {
	return time.Duration(rapid.SampledFrom([]int{0, 0, 10, 20, 30, 150}).Draw(t, label)) * time.Millisecond
}

func address(t *rapid.T) Address {
	return rapid.SampledFrom([]Address{
		{"IN", "IP4", "192.0.2.7"}, {"IN", "IP4", "192.0.2.8"}, {"IN", "IP4", "0.0.0.0"}, {"IN", "IP6", "2001:db8::7"}, {"IN", "IP6", "::"},
		{"IN", "IP4", "224.2.17.12/127"}, {"IN", "IP4", "phone.example.com"}, {"ATM", "NSAP", "47.0091"},
	}).Draw(t, "address")
}
