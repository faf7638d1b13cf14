package media

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/sipconf/sipconf/codec"
)

// What a leg knows must be fit to be written down: no pointer, function, channel or interface anywhere in it.
func TestLegStateIsPlain(t *testing.T) {
	var walk func(path string, typ reflect.Type)
	walk = func(path string, typ reflect.Type) {
		if typ == reflect.TypeFor[netip.AddrPort]() || typ == reflect.TypeFor[netip.Addr]() {
			return // values with text marshalling, whatever it is made of
		}
		switch typ.Kind() {
		case reflect.Struct:
			for i := range typ.NumField() {
				f := typ.Field(i)
				if !f.IsExported() {
					t.Errorf("%s.%s is not exported", path, f.Name)
				}
				walk(path+"."+f.Name, f.Type)
			}
		case reflect.Array:
			walk(path+"[]", typ.Elem())
		case reflect.Pointer, reflect.Func, reflect.Chan, reflect.Interface, reflect.Map, reflect.Slice, reflect.UnsafePointer:
			t.Errorf("%s is a %s", path, typ)
		}
	}
	walk("LegState", reflect.TypeFor[LegState]())
}

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
