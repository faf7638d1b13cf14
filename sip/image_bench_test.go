package sip

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"testing"

	"github.com/sipconf/sipconf/codec"
)

// BenchmarkHandover is what a hand-over costs for 1,000 answered calls: Save,
// gob and back, New. What goes to the other process is said in bytes a call.
func BenchmarkHandover(b *testing.B) {
	const calls = 1000
	im := &Image{}
	for i := range calls {
		im.Calls = append(im.Calls, CallImage{
			ID: dialogID{fmt.Sprint("call-", i, "@phone"), "0123456789abcdef", fmt.Sprint("from", i)}, MergeTag: fmt.Sprint("from", i), MergeCSeq: 1,
			InviteKey: fmt.Sprint("call-", i), Number: "5234", Source: "127.0.0.1:6000", Incoming: true, Endpoint: "udp://" + server, Phase: confirmed,
			Session: SessionImage{
				Dialog: Dialog{CallID: fmt.Sprint("call-", i, "@phone"), LocalTag: "0123456789abcdef", RemoteTag: fmt.Sprint("from", i), LocalURI: "sip:5234@127.0.0.1",
					RemoteURI: "sip:100@127.0.0.1", RemoteTarget: "sip:alice@127.0.0.1:6000", Transport: "UDP", Endpoint: "udp://" + server, Host: "127.0.0.1", Port: 5060},
				Sent: []byte(pcmaSDP), Local: LocalImage{Codecs: []string{"PCMA", "PCMU"}}, Agreed: AgreedImage{Codec: "PCMA"},
			},
			Identity: Identity{"Alice", "100"},
		})
	}
	size := 0
	for b.Loop() {
		w := &world{wire: newWire(server)}
		u, err := New(Config{Listeners: []Listener{{Name: "udp://" + server, Packet: w.end()}}, Media: noMedia{}, Codecs: []*codec.Codec{codec.PCMA}, Saved: im}, nil)
		if err != nil {
			b.Fatal(err)
		}
		var line bytes.Buffer
		if err := gob.NewEncoder(&line).Encode(u.Save()); err != nil {
			b.Fatal(err)
		}
		size = line.Len()
		im = &Image{}
		if err := gob.NewDecoder(&line).Decode(im); err != nil {
			b.Fatal(err)
		}
		if len(im.Calls) != calls {
			b.Fatalf("%d calls", len(im.Calls))
		}
		for i := range im.Calls {
			im.Calls[i].Orders = nil // without media each is to be hung up
		}
	}
	b.ReportMetric(float64(size)/calls, "B/call")
}
