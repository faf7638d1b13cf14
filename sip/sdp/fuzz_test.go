package sdp

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// seed adds the offers of testdata/answer, and some text on which SDP parsers have failed.
func seed(f *testing.F) {
	paths, _ := filepath.Glob("testdata/answer/*.txt")
	for _, path := range paths {
		script, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for i := range script {
			if string(script[i:min(i+4, len(script))]) == "v=0\n" {
				f.Add(script[i:])
				break
			}
		}
	}
	for _, text := range []string{
		"", "v=0", "v=0\r\n", plain, plain[:len(plain)-1], call("IN IP6 ::", "a=inactive"),
		"v=0\no=\ns=\nc=IN IP4 1.2.3.4\nt=\nm=audio 1 RTP/AVP 0 0 00 8\na=rtpmap:00 pcma\na=rtpmap:0 a/b/c/d\na=fmtp:0\n",
		"v=0\nc=IN IP4 1.1.1.1\nm=audio 65535 RTP/AVP 8 101\na=rtpmap:101 telephone-event\na=fmtp:101 -,1-,-1,300\n",
	} {
		f.Add([]byte(text))
	}
}

// FuzzParse: no text makes Parse panic, and what it makes of a text survives being written and read.
func FuzzParse(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(d.Bytes())
		if err != nil {
			t.Fatalf("%v in\n%q\nfrom\n%q", err, d.Bytes(), text)
		}
		if !reflect.DeepEqual(again, d) {
			t.Fatalf("got  %+v\nwant %+v\nfrom %q", again, d, text)
		}
	})
}

// FuzzAnswer: every offer is answered rightly or refused, and the answer can be read and offered again.
func FuzzAnswer(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		offer, err := Parse(text)
		if err != nil {
			return
		}
		answer, agreed, err := Answer(offer, us)
		if err != nil {
			answer, _ = Decline(offer, us, Agreed{})
		} else if fault := unfit(offer, answer, agreed); fault != "" {
			t.Fatalf("%s\noffer\n%q\nanswer\n%q", fault, offer.Bytes(), answer.Bytes())
		}
		if again, err := Parse(answer.Bytes()); err != nil || !reflect.DeepEqual(again, answer) {
			t.Fatalf("answer reads back as %+v, %v\nwant %+v", again, err, answer)
		}
		if _, _, err := Answer(Reoffer(answer, us, SendRecv), us); err != nil {
			t.Fatalf("our own offer is not acceptable: %v", err)
		}
	})
}
