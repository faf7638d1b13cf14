package phone

import (
	"net/netip"
	"testing"
	"time"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media"
	"github.com/sipconf/sipconf/media/mediatest"
)

// The server presses keys as events, and this ear, which knows nothing of its code, hears each once, in a stream that nothing is missing in and
// whose clock never jumps: in packets of any length, the shortest keys and long ones.
func TestEarHearsTheServersKeys(t *testing.T) {
	const dialled = "354233*#ABCD0198776"
	for _, ptime := range []time.Duration{10, 20, 30, 40, 60} {
		for _, held := range []time.Duration{40, 100, 700} {
			var strokes []media.Stroke
			for _, key := range []byte(dialled) {
				strokes = append(strokes, media.Stroke{Key: key, Length: held * time.Millisecond, Gap: 40 * time.Millisecond})
			}
			keys, err := media.NewKeys(false, strokes...)
			if err != nil {
				t.Fatal(err)
			}
			far := mediatest.NewPhone(t, codec.PCMA)
			s := far.Session()
			s.Ptime = ptime * time.Millisecond
			far.Leg.Update(s)
			ear, at := newEar(0), epoch
			for i, now := 0, int64(0); i < 10 || far.Leg.SendingKeys(); i++ {
				now += int64(20 * time.Millisecond)
				at = at.Add(20 * time.Millisecond)
				far.Leg.Pull(now)
				if i == 5 {
					far.Leg.SendKeys(keys)
				}
				far.Leg.Push(now, make([]int16, 160))
				far.Conn.Sent(func(b []byte, _ netip.AddrPort) { ear.receive(b, peer, at) })
			}
			h := ear.stats()
			if string(ear.digits) != dialled || h.Lost+h.Duplicates+h.Reordered+h.TSJumps+h.Malformed != 0 || len(h.SSRCs) != 1 {
				t.Errorf("%d ms in packets of %d ms: heard %q; %+v", held, ptime, ear.digits, h)
			}
		}
	}
}
