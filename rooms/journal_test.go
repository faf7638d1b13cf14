package rooms

import (
	"log/slog"
	"strings"
	"testing"
	"time"
)

// Whoever is told of events makes a panic of a key of Ann's: her call is hung up, he is told of what comes then, and the log has the stack.
func TestTheJournalSurvivesAPanic(t *testing.T) {
	told := make(chan Event, 100)
	h := newHouse(t, Config{})
	q, log := newQueue(16), new(buffer)
	j := newJournal(q, slog.New(slog.NewTextHandler(log, nil)), func(e Event) {
		if e.Kind == Pressed && e.Digit == '6' {
			panic("our bug")
		}
		told <- e
	}, h.failed)
	defer j.close()
	ann, bob := h.calls("ann"), h.calls("bob")
	defer h.seat("5234").Join(ann).Leave("the end")
	defer h.seat("5234").Join(bob).Leave("the end")
	q.put(Event{Kind: Pressed, Room: "5234", Call: "ann", Digit: '6'})
	q.put(Event{Kind: Pressed, Room: "5234", Call: "bob", Digit: '7'})
	select {
	case e := <-told:
		if e.Call != "bob" {
			t.Errorf("%+v", e)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("nobody is told anything any more")
	}
	if why := ann.hungUp.Load(); why == nil || *why != "internal error" || bob.hungUp.Load() != nil {
		t.Errorf("ann was hung up: %v, bob %v", why, bob.hungUp.Load())
	}
	if s := log.String(); j.panics.Load() != 1 || !strings.Contains(s, `event="digit pressed" room=5234 call=ann err="our bug" stack=`) {
		t.Errorf("%d panics; the log says\n%s", j.panics.Load(), s)
	}
}
