package rooms

import "testing"

// TestRights is the whole table: there is nothing else that decides who is heard.
func TestRights(t *testing.T) {
	for _, c := range []struct {
		phase       phase
		muted, deaf bool
		held        bool
		want        rights
	}{
		{inside, false, false, false, rights{heard: true, hears: true}},
		{inside, true, false, false, rights{heard: false, hears: true}},
		{inside, false, true, false, rights{heard: true, hears: false}},
		{inside, true, true, false, rights{}},
		{inside, false, false, true, rights{}},
		{inside, true, false, true, rights{}},
		{inside, false, true, true, rights{}},
		{inside, true, true, true, rights{}},
		{waiting, false, false, false, rights{aside: true}},
		{waiting, true, true, false, rights{aside: true}},
		{waiting, false, false, true, rights{}},
		{entering, false, false, false, rights{}},
		{gone, false, false, false, rights{}},
	} {
		if got := derive(c.phase, flags{muted: c.muted, deaf: c.deaf}, c.held); got != c.want {
			t.Errorf("phase %d, muted %v, deaf %v, held %v: %+v, want %+v", c.phase, c.muted, c.deaf, c.held, got, c.want)
		}
		// To be silenced by a host keeps from being heard and changes nothing else; to be a host decides nothing here.
		want := c.want
		want.heard = false
		if got := derive(c.phase, flags{muted: c.muted, silenced: true, host: true, deaf: c.deaf}, c.held); got != want {
			t.Errorf("silenced, phase %d, muted %v, deaf %v, held %v: %+v, want %+v", c.phase, c.muted, c.deaf, c.held, got, want)
		}
	}
}
