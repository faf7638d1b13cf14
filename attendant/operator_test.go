package attendant

import "testing"

func (h *house) wantSilence(c *call, silent, was, muted, ok bool) {
	h.Helper()
	if w, m, found := h.office.Silence("5234", c.id, silent); w != was || m != muted || found != ok {
		h.Errorf("silence %t for %s: was %t, muted %t, found %t; want %t, %t, %t", silent, c.number, w, m, found, was, muted, ok)
	}
}

// The operator mutes Ann alone: her own key does not change that, and she is told. He lets her speak; that she has muted herself meanwhile stays.
func TestTheOperatorMutesOne(t *testing.T) {
	h := newHouse(t, nil)
	ann := h.comes("101", "5234", "")
	h.comes("102", "5234", "")
	h.wantSilence(ann, true, false, false, true)
	h.wantInside("5234", "101~", "102")
	h.hears(ann, "[muted-by-host]")
	h.wantSilence(ann, true, true, false, true)
	ann.presses("*2")
	h.wantInside("5234", "101!~", "102")
	h.hears(ann, "[muted muted-by-host]")
	h.hears(ann, "[muted-by-host]") // once still: the second time nothing was new
	h.wantSilence(ann, false, true, true, true)
	h.wantInside("5234", "101!", "102")
	h.hears(ann, "[muted]")
	ann.presses("*2")
	h.hears(ann, "[unmuted]")
	h.wantSilence(ann, true, false, false, true)
	h.wantSilence(ann, false, true, false, true)
	h.hears(ann, "[unmuted]", 2)
	h.wantInside("5234", "101", "102")
}

// A host is muted by the operator as anybody is. When the boss mutes all and then nobody, nobody is muted; and while all are, the operator lets Ann speak.
func TestTheOperatorAndTheHost(t *testing.T) {
	h := newHouse(t, nil)
	ann := h.comes("101", "5234", "")
	boss := h.comes("boss", "5234", "")
	h.wantSilence(boss, true, false, false, true)
	h.wantInside("5234", "101", "boss~")
	boss.presses("**2")
	h.wantInside("5234", "101~", "boss")
	h.wantSilence(ann, false, true, false, true)
	h.wantInside("5234", "101", "boss")
	h.wantSilence(ann, true, false, false, true)
	boss.presses("**2")
	h.wantInside("5234", "101", "boss")
}

// Ann is dialling when the operator mutes her: her dial tone is left alone, and she is told when she is back. Who has left cannot be muted.
func TestTheOperatorMutesOneWhoIsDialling(t *testing.T) {
	h := newHouse(t, nil)
	ann := h.comes("101", "5234", "")
	h.comes("102", "5234", "")
	ann.presses("*1")
	h.wantInside("5234", "-101", "102")
	h.wantSilence(ann, true, false, false, true)
	h.wantInside("5234", "-101~", "102")
	if n := h.log.count("muted-by-host"); n != 0 {
		t.Errorf("told %d times", n)
	}
	ann.presses("*")
	h.wantInside("5234", "101~", "102")
	h.hears(ann, "[muted-by-host]")
	ann.Hangup("gone")
	h.wantInside("5234", "102")
	h.wantSilence(ann, false, false, false, false)
}
