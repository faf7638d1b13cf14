package attendant

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/dialout/links"
	"github.com/sipconf/sipconf/rooms"
)

// puppet is the presence of a far side in fake time. It notes what is done to it, and when; what is heard of it the test says.
type puppet struct {
	*call
	office *Office
	began  time.Time
	held   bool // keys are not sent

	mu   sync.Mutex
	said []string
}

func (p *puppet) note(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.said = append(p.said, time.Since(p.began).String()+" "+fmt.Sprintf(format, args...))
}

func (p *puppet) SendKeys(_ bool, strokes ...rooms.Stroke) error {
	var keys string
	var length time.Duration
	for _, s := range strokes {
		if length += s.Length + s.Gap; s.Key == 0 {
			keys += "w"
		} else {
			keys += string(s.Key)
		}
	}
	p.note("keys %s", keys)
	if !p.held {
		time.AfterFunc(length, func() { p.hears(rooms.KeysSent, false) })
	}
	return nil
}

func (p *puppet) TakesEvents() bool         { return true }
func (p *puppet) SetNotices(*rooms.Notices) {}
func (p *puppet) Listen(to rooms.Listening) {
	p.note("%s", [...]string{"deaf", "question", "speech", "answer"}[to])
}
func (p *puppet) Enter() bool                  { p.note("in"); return true }
func (p *puppet) StepAside(*rooms.Participant) { p.note("aside") }
func (p *puppet) Return()                      { p.note("back") }
func (p *puppet) Leave(reason string)          { p.note("out: %s", reason) }

// hears is an event of its ear.
func (p *puppet) hears(kind rooms.Kind, first bool) {
	p.office.Hear(rooms.Event{Kind: kind, Link: true, Call: p.id, First: first})
}

// The script and the ear in fake time: what is heard, and when, and what is done, and when. Keys are 160 ms long, with a gap of 100.
func TestTheScriptOfALink(t *testing.T) {
	const script, second = "W12w3", "Ww12#W34"
	for _, c := range []struct {
		what, script string
		heard        string // such as "3s spoke, 9s again (first), 9s again, 12s on, 14s bye, 14s enough"
		held         bool
		want         string
	}{
		{"a question, keys, and silence", script, "3s spoke, 6s on, 60s bye", false,
			"0s question, 3s speech, 3s keys 12w3, 4.28s question, 4.28s answer, 6s in, 21s deaf, 1m0s out: bye"},
		{"keys at once, with pauses before them", "ww12", "0.5s spoke, 6s on, 7s bye", false,
			"0s question, 1s speech, 1s keys 12, 1.52s question, 1.52s answer, 6s in, 7s out: bye"},
		{"what it has said while we paused is the question", "wwW12", "0.5s spoke, 6s on, 7s bye", false,
			"0s question, 1s speech, 1s keys 12, 1.52s question, 1.52s answer, 6s in, 7s out: bye"},
		{"no keys", ",", "1s spoke, 7s bye", false, "0s question, 2s in, 2s deaf, 7s out: bye"},
		{"it says nothing, or does not end: half a minute is enough", script, "40s on, 41s bye", false,
			"0s question, 30s speech, 30s keys 12w3, 31.28s question, 31.28s answer, 40s in, 41s out: bye"},
		{"of the end nothing is heard: 20 s are enough", script, "3s spoke, 50s bye", false,
			"0s question, 3s speech, 3s keys 12w3, 4.28s question, 4.28s answer, 24.28s in, 39.28s deaf, 50s out: bye"},
		{"it asks again", script, "3s spoke, 8s again (first), 10s spoke, 15s on, 60s bye", false,
			"0s question, 3s speech, 3s keys 12w3, 4.28s question, 4.28s answer, 10s speech, 10s keys 12w3, 11.28s question, 11.28s answer, 15s in, 15s deaf, 1m0s out: bye"},
		{"and again", script, "3s spoke, 8s again (first), 10s spoke, 15s again (first)", false,
			"0s question, 3s speech, 3s keys 12w3, 4.28s question, 4.28s answer, 10s speech, 10s keys 12w3, 11.28s question, 11.28s answer, 15s out: the far side asks again"},
		{"two questions", second, "3s spoke, 7s spoke, 10s on, 11s bye", false,
			"0s question, 3.5s speech, 3.5s keys 12#, 4.28s question, 7s speech, 7s keys 34, 7.52s question, 7.52s answer, 10s in, 11s out: bye"},
		{"and the second again", second, "3s spoke, 7s spoke, 10s again, 12s spoke, 15s on, 16s bye", false,
			"0s question, 3.5s speech, 3.5s keys 12#, 4.28s question, 7s speech, 7s keys 34, 7.52s question, 7.52s answer, " +
				"12s speech, 12s keys 34, 12.52s question, 12.52s answer, 15s in, 15s deaf, 16s out: bye"},
		{"or the first", second, "3s spoke, 7s spoke, 10s again (first), 12s spoke, 16s spoke, 20s on, 21s bye", false,
			"0s question, 3.5s speech, 3.5s keys 12#, 4.28s question, 7s speech, 7s keys 34, 7.52s question, 7.52s answer, " +
				"12s speech, 12s keys 12#, 12.78s question, 16s speech, 16s keys 34, 16.52s question, 16.52s answer, 20s in, 20s deaf, 21s out: bye"},
		{"it asks again in the room", script, "3s spoke, 6s on, 20s again (first), 21s spoke, 40s bye", false,
			"0s question, 3s speech, 3s keys 12w3, 4.28s question, 4.28s answer, 6s in, 20s aside, 21s speech, 21s keys 12w3, 22.28s question, 22.28s back, 22.28s deaf, 40s out: bye"},
		{"when it is too late for that", script, "3s spoke, 6s on, 21.5s again, 40s bye", false,
			"0s question, 3s speech, 3s keys 12w3, 4.28s question, 4.28s answer, 6s in, 21s deaf, 40s out: bye"},
		{"it asks again in the room, and hangs up when it is answered", script, "3s spoke, 6s on, 20s again (first), 21s spoke, 22s bye", false,
			"0s question, 3s speech, 3s keys 12w3, 4.28s question, 4.28s answer, 6s in, 20s aside, 21s speech, 21s keys 12w3, 22s question, 22s back, 22s deaf, 22s out: bye"},
		{"it hangs up while it speaks", script, "2s bye", false, "0s question, 2s out: the far side has hung up before it was in"},
		{"it hangs up at the second key", script, "3s spoke, 3.3s bye", false,
			"0s question, 3s speech, 3s keys 12w3, 3.3s question, 3.3s out: the far side has hung up before it was in"},
		{"it hangs up when it has all keys", script, "3s spoke, 5s bye", false,
			"0s question, 3s speech, 3s keys 12w3, 4.28s question, 4.28s answer, 5s out: the far side has hung up before it was in"},
		{"the last one has left", script, "3s spoke, 5s enough", false,
			"0s question, 3s speech, 3s keys 12w3, 4.28s question, 4.28s answer, 5s out: the room has ended"},
		{"it puts us on hold, so that no key is sent", script, "3s spoke", true,
			"0s question, 3s speech, 3s keys 12w3, 34.28s question, 34.28s out: the keys could not be sent within 31.28s: is the line on hold?"},
	} {
		synctest.Test(t, func(t *testing.T) {
			o := New(Config{})
			defer o.Close()
			p := &puppet{call: &call{id: "far", over: make(chan struct{})}, office: o, began: time.Now(), held: c.held}
			steps, err := links.ParseScript(c.script)
			if err != nil {
				t.Fatal(err)
			}
			f := &farSide{office: o, call: p, p: p, link: &links.Link{Tone: 160 * time.Millisecond, Gap: 100 * time.Millisecond}, script: steps,
				heard: newInbox[rooms.Event](mostHeard), log: slog.New(slog.DiscardHandler)}
			o.far["far"] = f
			ctx, enough := context.WithCancelCause(t.Context())
			defer enough(nil)
			for _, heard := range strings.Split(c.heard, ", ") {
				at, what, _ := strings.Cut(heard, " ")
				after, err := time.ParseDuration(at)
				if err != nil {
					t.Fatal(err)
				}
				time.AfterFunc(after, func() {
					switch what {
					case "bye":
						p.Hangup("bye")
					case "enough":
						enough(dialout.ErrRoomEnded)
					default:
						kind, first := strings.CutSuffix(what, " (first)")
						p.hears(map[string]rooms.Kind{"spoke": rooms.Spoke, "again": rooms.AskedAgain, "on": rooms.WentOn}[kind], first)
					}
				})
			}
			p.Listen(rooms.ForQuestion)
			if err := f.connect(ctx); err != nil {
				f.leave(err.Error())
			} else if err := o.keep(ctx, f); err != nil {
				t.Error(err)
			}
			o.wg.Wait()
			p.mu.Lock()
			defer p.mu.Unlock()
			if got := strings.Join(p.said, ", "); got != c.want {
				t.Errorf("%s:\n%s\nwant\n%s", c.what, got, c.want)
			}
			if len(o.far) > 0 {
				t.Errorf("%s: it is still listened to", c.what)
			}
		})
	}
}
