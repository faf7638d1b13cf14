package media

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/sipconf/sipconf/codec"
)

func TestLegStateSurvivesWriting(t *testing.T) {
	want := LegState{Agreed: agreed(Session{Remote: phone, Signalling: nat.Addr(), Codec: codec.PCMA, PayloadType: 8}), Sender: newSender()}
	want.Latch.negotiated(phone, nat.Addr())
	want.Presses.packet(1, 2, event{code: 3}, 4)
	keys, _ := NewKeys(true, Stroke{Key: '5'}, Stroke{Length: time.Second})
	want.Keying.set(keys, 0, 160)
	want.Keying.frame(7, 160, true, true)
	want.Tones = Tones{Key: '5', Muted: true, Clear: 1, Length: 2, Wary: 25}
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got LegState
	if err := json.Unmarshal(b, &got); err != nil || got != want {
		t.Errorf("%+v came back as %+v (%v)", want, got, err)
	}
}
