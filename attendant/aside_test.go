package attendant

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/rooms"
	"github.com/sipconf/sipconf/rooms/menu"
)

// pair has Ann, who is in the room with Bob, invite Carl and be alone with him.
func (h *house) pair() (ann, bob, carl *call) {
	h.Helper()
	carl = h.newCall("103")
	h.answering(dialout.Straight, carl)
	ann, bob = h.comes("101", "5234", ""), h.comes("102", "5234", "")
	ann.presses("*1103#")
	h.wantInside("5234", "101", "102", "103")
	ann.presses("*6")
	h.wantInside("5234", "-101", "102", "-103")
	h.hears(ann, "[[alone-with 103]]")
	h.hears(carl, "[[alone-with 101]]")
	return ann, bob, carl
}

// Whoever of the two ends it, both are back: by the key, by dialling, by hanging up; and who stays is told.
func TestConsultingEnds(t *testing.T) {
	t.Parallel()
	t.Run("the invited presses the key", func(t *testing.T) {
		h := newHouse(t, nil)
		_, _, carl := h.pair()
		carl.presses("*6")
		h.wantInside("5234", "101", "102", "103")
	})
	t.Run("both press it", func(t *testing.T) {
		h := newHouse(t, nil)
		ann, _, carl := h.pair()
		ann.presses("*6*3")
		carl.presses("*6*3")
		h.hears(ann, "[[in-conference 3] 102 300000000 103 300000000]")
		h.hears(carl, "[[in-conference 3] 101 300000000 102 300000000]")
		h.await("they are both in or both out", func() bool {
			who := h.inside("5234")
			return len(who) == 3 && (who[0] == "101" && who[2] == "103" || who[0] == "-101" && who[2] == "-103")
		})
	})
	t.Run("the invited hangs up", func(t *testing.T) {
		h := newHouse(t, nil)
		ann, _, carl := h.pair()
		carl.Hangup("gone")
		h.wantInside("5234", "101", "102")
		h.hears(ann, "[[103 has-left]]")
		ann.presses("*6*#")
		h.hears(ann, "[nobody-invited]")
		h.hears(ann, "[nobody-to-drop]")
		h.wantInside("5234", "101", "102")
	})
	t.Run("the inviter hangs up", func(t *testing.T) {
		h := newHouse(t, nil)
		ann, _, carl := h.pair()
		ann.Hangup("gone")
		h.wantInside("5234", "102", "103")
		h.hears(carl, "[[101 has-left]]")
	})
	t.Run("the invited is dropped", func(t *testing.T) {
		h := newHouse(t, nil)
		ann, _, carl := h.pair()
		ann.presses("*#")
		<-carl.Done()
		h.wantInside("5234", "101", "102")
		h.hears(ann, "[dropped]")
	})
	t.Run("the invited is kicked", func(t *testing.T) {
		h := newHouse(t, nil)
		ann, _, _ := h.pair()
		boss := h.comes("boss", "5234", "")
		boss.presses("**3")
		h.wantInside("5234", "101", "102", "boss")
		h.hears(ann, "[[103 has-left]]")
	})
	t.Run("the inviter dials again", func(t *testing.T) {
		h := newHouse(t, nil)
		ann, _, _ := h.pair()
		ann.presses("*1")
		h.wantInside("5234", "-101", "102", "103")
		ann.presses("*")
		h.wantInside("5234", "101", "102", "103")
	})
}

// Who is dialling cannot be drawn aside: the other hears that he is busy, and stays in the room.
func TestConsultingSomebodyWhoDials(t *testing.T) {
	h := newHouse(t, nil)
	carl := h.newCall("103")
	h.answering(dialout.Straight, carl)
	ann := h.comes("101", "5234", "")
	ann.presses("*1103#")
	h.wantInside("5234", "101", "103")
	carl.presses("*1")
	h.wantInside("5234", "101", "-103")
	ann.presses("*6")
	h.hears(ann, "[busy]")
	h.wantInside("5234", "101", "-103")
	carl.presses("*")
	h.wantInside("5234", "101", "103")
}

// In a muted room the two hear each other aside, and when they are back they are told that the room does not hear them.
func TestConsultingInAMutedRoom(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	ann, _, carl := h.pair()
	boss := h.comes("boss", "5234", "")
	boss.presses("**2")
	h.wantInside("5234", "-101~", "102~", "-103~", "boss")
	ann.presses("*6")
	h.wantInside("5234", "101~", "102~", "103~", "boss")
	h.hears(ann, "[muted-by-host]")
	h.hears(carl, "[muted-by-host]")
	ann.presses("*6")
	h.wantInside("5234", "-101~", "102~", "-103~", "boss")
	carl.Hangup("gone")
	h.wantInside("5234", "101~", "102~", "boss")
	h.hears(ann, "[[103 has-left] muted-by-host]")
}

// ringing makes a dialler of which every number rings until it is given up; done tells of each that was.
func (h *house) ringing() (done chan string) {
	done = make(chan string, 10)
	h.script = func(ctx context.Context, req dialout.Request, watch func(dialout.Change)) dialout.Result {
		watch(dialout.Change{State: dialout.Ringing, Number: req.Number})
		<-ctx.Done()
		done <- req.Number
		return dialout.Result{Outcome: dialout.Outcome{State: dialout.Cancelled}}
	}
	return done
}

func (h *house) dials(number string) {
	h.Helper()
	h.await(number+" is dialled", func() bool {
		list := h.list()
		return len(list) > 0 && list[len(list)-1] == "101 into 5234: "+number
	})
}

// Ann presses *1 while the previous one is still ringing: that one is given up, and she hears the dial tone again.
func TestInvitingWhileItRings(t *testing.T) {
	h := newHouse(t, nil)
	done := h.ringing()
	ann := h.comes("101", "5234", "")
	ann.presses("*1103#")
	h.dials("103")
	ann.presses("*1104#")
	h.dials("104")
	if got := <-done; got != "103" {
		t.Error(got)
	}
	ann.presses("*")
	<-done
	h.wantInside("5234", "101")
	ann.presses("*1105#") // the * that gave it up and these are not **1, which would call a group
	h.dials("105")
	ann.presses("7")
	<-done
	h.wantInside("5234", "101")
	if n := h.log.count("action=call-missing"); n > 0 {
		t.Error("she has called a group")
	}
}

// The * that gives something up begins a sequence, but another * is another one; and after a pause it is forgotten, and that is no mistake of his.
func TestTheStarThatGivesUp(t *testing.T) {
	h := newHouse(t, nil)
	a := &attendant{office: h.office, p: &rooms.Participant{}}
	a.log.now.Store(slog.New(slog.NewTextHandler(&h.log, nil)))
	a.interrupt('*')
	a.press(t.Context(), '*')
	if a.typed.Typed != "*" || a.forgiven {
		t.Errorf("typed %q", a.typed.Typed)
	}
	a.rest(t.Context())
	a.interrupt('*')
	a.rest(t.Context())
	a.press(t.Context(), '2')
	if a.typed.Typed != "" || h.log.count("asked for") > 0 {
		t.Errorf("typed %q, asked for %d things", a.typed.Typed, h.log.count("asked for"))
	}
	a.interrupt('5')
	if a.typed.Typed != "" || a.forgiven {
		t.Errorf("typed %q", a.typed.Typed)
	}
}

// Who ends the number too slowly, or needs not end it because it is as long as a number may be, does not give it up with the #. The
// next # does.
func TestALateHashIsTheEndOfTheNumber(t *testing.T) {
	t.Parallel()
	for keys, number := range map[string]string{"*1103": "103", "*112345678901": "12345678901"} {
		h := newHouse(t, nil)
		done := h.ringing()
		ann, bob := h.comes("101", "5234", ""), h.comes("102", "5234", "")
		ann.presses(keys)
		h.dials(number)
		ann.presses("#")
		bob.presses("*2")
		h.wantInside("5234", "-101", "102!") // and what ann has pressed before is known to her attendant as well
		select {
		case <-done:
			t.Errorf("%s: it is given up", keys)
		default:
		}
		ann.presses("#")
		<-done
		h.wantInside("5234", "101", "102!")
	}
	a := &attendant{hashes: true, office: &Office{cfg: Config{Menu: new(menu.Menu)}}}
	if a.givesUp('#') || !a.givesUp('#') {
		t.Error("it is the first # that does not count")
	}
}

// The busy tone is ended by a key, and *1 is *1.
func TestInvitingDuringTheBusyTone(t *testing.T) {
	h := newHouse(t, nil)
	h.answering(dialout.Straight)
	ann := h.comes("101", "5234", "")
	ann.presses("*1103#")
	h.dials("103")
	h.wantInside("5234", "-101")
	ann.presses("*1104#")
	h.dials("104")
	ann.presses("#")
	h.wantInside("5234", "101")
}

// While somebody is asked to press 1 the inviter may give up, or hang up, and need not wait until the other has not pressed it.
func TestGivingUpSomebodyWhoIsAsked(t *testing.T) {
	for _, hangsUp := range []bool{false, true} {
		h := newHouse(t, func(c *Config) { c.Accept = time.Hour })
		carl := h.newCall("103")
		h.answering(dialout.Press1, carl)
		ann := h.comes("101", "5234", "")
		h.comes("102", "5234", "")
		ann.presses("*1103#")
		h.wantInside("5234", "-101", "102", "(103)")
		if hangsUp {
			ann.Hangup("gone")
			h.wantInside("5234", "102")
		} else {
			ann.presses("#")
			h.wantInside("5234", "101", "102")
		}
		<-carl.Done()
	}
}

// Who hangs up in the middle of a number has not dialled it.
func TestHangingUpInTheMiddleOfANumber(t *testing.T) {
	h := newHouse(t, nil)
	ann := h.comes("101", "5234", "")
	h.comes("102", "5234", "")
	ann.presses("*110")
	h.wantInside("5234", "-101", "102")
	ann.Hangup("gone")
	h.wantInside("5234", "102")
	if got := h.list(); len(got) > 0 {
		t.Error(got)
	}
}

// Carl, whom Ann has brought in, asks for those who are missing while the list of groups does not answer, and hangs up: he is out at once,
// nobody is called for him, and the office can close.
func TestWhatAGuestHasAskedForEndsWithHisCall(t *testing.T) {
	h := newHouse(t, nil)
	carl := h.newCall("103")
	h.answering(dialout.Straight, carl)
	h.groups.dead = true
	ann := h.comes("101", "5234", "")
	ann.presses("*1103#")
	h.wantInside("5234", "101", "103")
	carl.presses("**1")
	h.await("he has asked for it", func() bool { return h.log.count("action=call-missing") == 1 })
	carl.Hangup("gone")
	h.wantInside("5234", "101")
	ann.Hangup("gone")
	h.serves.Wait()
	h.office.Close()
}

// Keys that come while the attendant is busy with a slow list of groups wait; those that a guest pressed before he was in are no commands.
func TestKeysForABusyAttendant(t *testing.T) {
	h := newHouse(t, nil)
	h.groups.slow = make(chan struct{})
	ann := h.comes("101", "5234", "100")
	ann.presses("*2")
	h.comes("102", "5234", "")
	h.wantInside("5234", "101", "102")
	close(h.groups.slow)
	h.wantInside("5234", "101!", "102")

	carl := h.newCall("103")
	h.answering(dialout.Consult, carl)
	ann.presses("*1103#")
	h.wantInside("5234", "-101!", "102", "(103)")
	carl.presses("*2*9")
	h.await("he has pressed them", func() bool {
		shot, _ := h.rooms.Look("5234")
		return len(shot.Participants) == 3 && shot.Participants[2].DigitCount == 4
	})
	bob := h.comes("104", "5234", "")
	bob.presses("*2") // what bob pressed later than carl has reached his attendant when he is muted
	h.wantInside("5234", "-101!", "102", "(103)", "104!")
	ann.presses("*")
	h.wantInside("5234", "101!", "102", "104!", "103")
	carl.presses("*3")
	h.hears(carl, "[[in-conference 4] 101 300000000 102 300000000 104 300000000]")
	if h.rooms.Locked("5234") {
		t.Error("he has locked the room")
	}
}
