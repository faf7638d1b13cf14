package sip

import (
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/sipconf/sipconf/codec"
)

// TestINVITEIsKept: what is written down of an INVITE is what was sent.
func TestINVITEIsKept(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p, alice)
		p.rung().refuses(401, `WWW-Authenticate: Digest realm="pbx", nonce="n1", qop="auth"`)
		m := p.gets(time.Second)
		kept := make(chan string)
		a.call.post(func() { kept <- a.call.outgoing.Text })
		if text := <-kept; text != m.text {
			t.Errorf("kept\n%s\nsent\n%s", text, m.text)
		}
	})
}

// TestStateIsData: what is kept of a call, and of an INVITE that is under way,
// can be written down: no pointers (but to codecs, which have names), functions,
// channels or maps.
func TestStateIsData(t *testing.T) {
	var walk func(path string, typ reflect.Type)
	walk = func(path string, typ reflect.Type) {
		switch typ {
		case reflect.TypeFor[netip.AddrPort](), reflect.TypeFor[netip.Addr](), reflect.TypeFor[time.Time](), reflect.TypeFor[*codec.Codec]():
			return
		}
		switch typ.Kind() {
		case reflect.Struct:
			for i := range typ.NumField() {
				f := typ.Field(i)
				if !f.IsExported() && !f.Anonymous {
					t.Errorf("%s.%s is not exported", path, f.Name)
				}
				walk(path+"."+f.Name, f.Type)
			}
		case reflect.Array, reflect.Slice:
			walk(path+"[]", typ.Elem())
		case reflect.Pointer, reflect.Func, reflect.Chan, reflect.Interface, reflect.Map, reflect.UnsafePointer:
			t.Errorf("%s is a %s", path, typ)
		}
	}
	walk("state", reflect.TypeFor[state]())
	walk("outgoing", reflect.TypeFor[outgoing]())
	walk("subscribed", reflect.TypeFor[subscribed]())
}
