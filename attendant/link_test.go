package attendant

import (
	"strings"
	"testing"
)

// links lets a line to another conference into a room.
func (h *house) links(number, room string) *call {
	h.Helper()
	c := h.newCall(number)
	seat, err := h.rooms.Reserve(room)
	if err != nil {
		h.Fatal(err)
	}
	seat.ForLink()
	p := seat.Join(c)
	h.serves.Go(func() { // ends with the call
		<-c.Done()
		p.Leave(c.Reason())
	})
	return c
}

// A line is in the room with two people. It is not counted and its coming and going is not told; the host does not remove it but who came before
// it; what is pressed over there is no command here, and does not reach the groups either.
func TestALinkIsNotServed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *Config) { c.Announce = true })
	boss, bob := h.comes("boss", "5234", ""), h.comes("102", "5234", "")
	line := h.links("84957776675", "5234")
	h.wantInside("5234", "boss", "102", "84957776675")
	boss.presses("*3")
	h.hears(boss, "[[in-conference 2] 102 300000000]")
	line.presses("*2**2")
	boss.presses("**3")
	<-bob.Done()
	h.wantInside("5234", "boss", "84957776675")
	boss.presses("**3")
	h.hears(boss, "[nobody-to-drop]")
	boss.presses("**2")
	h.wantInside("5234", "boss", "84957776675~")
	line.Hangup("bye")
	h.wantInside("5234", "boss")
	h.comes("104", "5234", "")
	h.await("the room is told who has come", func() bool { return h.log.count("joined=[104]") == 1 })
	h.groups.mu.Lock()
	defer h.groups.mu.Unlock()
	if asked := strings.Join(h.groups.asked, ", "); strings.Contains(asked, "8495") || h.log.count("8495") > 0 {
		t.Errorf("the line is spoken of: %s", asked)
	}
}
