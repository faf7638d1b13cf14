package links

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipconf/sipconf/dialout"
)

// handsOver has another process take over, in which there are people in room 354233 still, or not, and begins the log anew.
func handsOver(t *testing.T, f *far, people bool) *Links {
	t.Helper()
	if _, err := f.handsOver(context.Background()); err != nil {
		t.Fatal(err)
	}
	f.wantLog()
	if people {
		f.links.People("354233", f.room.Incarnation, true)
	}
	f.resumes()
	return f.links
}

// wantFigures compares all that is known of the only link.
func wantFigures(t *testing.T, l *Links, want Status) {
	t.Helper()
	synctest.Wait()
	if got := l.Status()[0]; got != want {
		t.Errorf("the link is %+v, and was %+v", got, want)
	}
}

// A link goes on with its call in the next process, and in the one after that; nobody is told anything. When the call is lost, it has been connected for as long
// as it was.
func TestALinkGoesOnInAnotherProcess(t *testing.T) {
	within(t, one(), func(f *far, l *Links) {
		f.plays[conference] = []play{{code: 486}, {}}
		f.joins(l)
		time.Sleep(30 * time.Second)
		f.wantLog("0s INVITE to 84957776675", "0s INVITE to 84957776675", "0s 200 from 84957776675", "0s 84957776675 is in, after 354233", "0s told: connected")
		before := l.Status()[0]
		for range 2 {
			l = handsOver(t, f, true)
			wantFigures(t, l, before)
			time.Sleep(20 * time.Second)
			wantFigures(t, l, before)
		}
		f.wantLog()
		f.call(conference).ends(false)
		f.wantLog("1m10s 84957776675: lost", "1m10s told: lost", "1m10s INVITE to 84957776675", "1m10s 200 from 84957776675",
			"1m10s 84957776675 is in, after 354233", "1m10s told: connected")
		if got := l.Status()[0]; got.Attempts != 3 || got.Connected != 2 || got.Lost != 1 || got.Cause != "lost" {
			t.Errorf("figures: %+v", got)
		}
		f.leavesRoom(l)
		f.wantLog("1m10s BYE to 84957776675")
	})
}

// The last one has left while the other process took over: the call is hung up, and the line is free when the far side knows.
func TestNobodyIsLeftInTheNextProcess(t *testing.T) {
	cfg := one()
	cfg.Lines = []Line{{Name: "provider's"}}
	cfg.Links[0].Line = "provider's"
	cfg.Links = append(cfg.Links, Link{Room: "5234", Number: "84957776676", Line: "provider's"})
	within(t, cfg, func(f *far, l *Links) {
		f.plays[conference] = []play{{slow: 2 * time.Second}}
		f.joins(l)
		synctest.Wait()
		l.People("5234", 1, true)
		time.Sleep(time.Second)
		f.wantLog("0s INVITE to 84957776675", "0s 200 from 84957776675", "0s 84957776675 is in, after 354233", "0s told: connected")
		if _, err := f.handsOver(context.Background()); err != nil {
			t.Fatal(err)
		}
		f.links.People("5234", 1, true)
		f.resumes()
		wantState(t, f.links, Ending)
		if got := f.links.Status()[1].State; got != WaitingForLine {
			t.Errorf("the second link is %s", got)
		}
		time.Sleep(time.Minute)
		f.wantLog("1s BYE to 84957776675", "3s INVITE to 84957776676", "3s 200 from 84957776676", "3s 84957776676 is in, after ", "3s told: connected")
		wantState(t, f.links, Idle)
	})
}

// They have left, and others have come, while the other process took over: it is another conference, which has its call when the far side has ended the first.
func TestAnotherConferenceInTheNextProcess(t *testing.T) {
	within(t, one(), func(f *far, l *Links) {
		f.plays[conference] = []play{{slow: 2 * time.Second}, {}}
		f.joins(l)
		time.Sleep(time.Second)
		f.wantLog("0s INVITE to 84957776675", "0s 200 from 84957776675", "0s 84957776675 is in, after 354233", "0s told: connected")
		f.room.Incarnation++
		handsOver(t, f, true)
		time.Sleep(5 * time.Second)
		f.wantLog("1s BYE to 84957776675", "3s INVITE to 84957776675", "3s 200 from 84957776675", "3s 84957776675 is in, after 354233", "3s told: connected")
	})
}

// The rests of a link: a wait goes on until its time, and the next one is as long as it would have been.
func TestAWaitGoesOnInAnotherProcess(t *testing.T) {
	within(t, one(), func(f *far, l *Links) {
		f.plays[conference] = []play{{code: 486}}
		f.joins(l)
		time.Sleep(10 * time.Second)
		f.wantLog("0s INVITE to 84957776675", "0s INVITE to 84957776675", "5s INVITE to 84957776675")
		before := l.Status()[0]
		l = handsOver(t, f, true)
		wantFigures(t, l, before)
		time.Sleep(time.Minute)
		f.wantLog("20s INVITE to 84957776675", "50s INVITE to 84957776675")
		if got := l.Status()[0]; got.Attempts != 5 || got.Cause != "busy" {
			t.Errorf("figures: %+v", got)
		}
		if _, err := f.handsOver(context.Background()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		f.wantLog()
		f.links.People("354233", f.room.Incarnation, true)
		f.resumes()
		f.wantLog("1h1m10s INVITE to 84957776675")
	})
}

// The far side has called by itself, and goes on being the link; to be told of that call again changes nothing.
func TestTheFarSidesCallInAnotherProcess(t *testing.T) {
	within(t, one(), func(f *far, _ *Links) {
		first := f.callsUs()
		meets := func(c *theirs, refused bool) {
			t.Helper()
			if m := f.links.Meet("354233", conference, dialout.Mark{}, c); m != (Meeting{Link: true, Known: true, Refused: refused, Lost: 15 * time.Second}) {
				t.Errorf("the far side's call is met as %+v", m)
			}
		}
		meets(first, false)
		wantState(t, handsOver(t, f, false), Met) // before anybody is there
		meets(first, false)
		f.joins(f.links)
		f.wantLog("0s told: connected")
		time.Sleep(time.Second)
		before := f.links.Status()[0]
		l := handsOver(t, f, true)
		wantFigures(t, l, before)
		meets(first, false)
		meets(f.callsUs(), true)
		wantFigures(t, l, before)
		time.Sleep(time.Minute)
		f.wantLog()
		first.ends()
		time.Sleep(time.Minute)
		f.wantLog("1m1s told: lost", "1m31s INVITE to 84957776675", "1m31s 200 from 84957776675", "1m31s 84957776675 is in, after 354233", "1m31s told: connected")
		if got := l.Status()[0]; got.Connected != 2 || got.Lost != 1 {
			t.Errorf("figures: %+v", got)
		}
	})
}

// It has ended its call while the other process took over.
func TestTheFarSidesCallHasEndedBetweenTheProcesses(t *testing.T) {
	within(t, one(), func(f *far, l *Links) {
		theirs := f.callsUs()
		l.Meet("354233", conference, dialout.Mark{}, theirs)
		f.joins(l)
		f.wantLog("0s told: connected")
		if _, err := f.handsOver(context.Background()); err != nil {
			t.Fatal(err)
		}
		f.links.Meet("354233", conference, dialout.Mark{}, theirs)
		theirs.ends()
		f.links.People("354233", f.room.Incarnation, true)
		f.resumes()
		time.Sleep(time.Minute)
		f.wantLog("0s told: lost", "30s INVITE to 84957776675", "30s 200 from 84957776675", "30s 84957776675 is in, after 354233", "30s told: connected")
	})
}

// The far side has not answered our BYE yet when the other process takes over: it is not called before it has; if the next process knows nothing of that
// call, not before the BYE is given up.
func TestTheLastWordComesToAnotherProcess(t *testing.T) {
	for lost, again := range map[bool]string{false: "20s", true: "32s"} {
		within(t, one(), func(f *far, l *Links) {
			f.lost = lost
			f.plays[conference] = []play{{slow: 20 * time.Second}, {}}
			f.digits = []error{errors.New("the far side asks again")}
			f.joins(l)
			f.wantLog("0s INVITE to 84957776675", "0s 200 from 84957776675", "0s BYE to 84957776675")
			l = handsOver(t, f, true)
			wantState(t, l, Ending)
			time.Sleep(40 * time.Second)
			f.wantLog(again+" INVITE to 84957776675", again+" 200 from 84957776675", again+" 84957776675 is in, after 354233", again+" told: connected")
			if got := l.Status()[0]; got.Cause != "the far side asks again" || got.Attempts != 2 {
				t.Errorf("figures: %+v", got)
			}
		})
	}
}

// The call is lost while the other process takes over. Whether the far side knows nobody knows.
func TestALinkIsLostBetweenTheProcesses(t *testing.T) {
	within(t, one(), func(f *far, l *Links) {
		f.lost = true
		f.joins(l)
		time.Sleep(time.Second)
		f.wantLog("0s INVITE to 84957776675", "0s 200 from 84957776675", "0s 84957776675 is in, after 354233", "0s told: connected")
		if err := f.dialer.Pause(context.Background()); err != nil {
			t.Fatal(err)
		}
		if err := l.Pause(context.Background()); err != nil {
			t.Fatal(err)
		}
		f.call(conference).ends(true)
		f.wantLog("1s 84957776675: hung up")
		l = handsOver(t, f, true)
		time.Sleep(time.Minute)
		f.wantLog("1s told: lost", "33s INVITE to 84957776675", "33s 200 from 84957776675", "33s 84957776675 is in, after 354233", "33s told: connected")
		if got := l.Status()[0]; got.Lost != 1 || got.Cause != "its call has ended while another process took over" {
			t.Errorf("figures: %+v", got)
		}
	})
}

// It rings when another process takes over: the far side has one INVITE of ours, whatever becomes of it, and the line is in use. The link answers for it
// as it would have done.
func TestALinkRingsOnInAnotherProcess(t *testing.T) {
	cfg := one()
	cfg.Lines = []Line{{Name: "provider's"}}
	cfg.Links[0].Line = "provider's"
	cfg.Links = append(cfg.Links, Link{Room: "5234", Number: "84957776676", Line: "provider's"})
	for _, c := range []struct {
		name  string
		play  play
		what  func(t *testing.T, f *far, l *Links)
		state State
		log   []string
	}{
		{"answered", play{after: 5 * time.Second}, func(t *testing.T, f *far, l *Links) { time.Sleep(time.Minute) }, Up,
			[]string{"5s 200 from 84957776675", "5s 84957776675 is in, after 354233", "5s told: connected"}},
		{"busy", play{after: 5 * time.Second, code: 486}, func(t *testing.T, f *far, l *Links) { time.Sleep(2 * time.Second) }, WaitingForLine,
			[]string{"5s INVITE to 84957776676", "5s 200 from 84957776676", "5s 84957776676 is in, after ", "5s told: connected"}},
		{"not answered", play{after: time.Hour}, func(t *testing.T, f *far, l *Links) { time.Sleep(31 * time.Second) }, WaitingForLine,
			[]string{"30s CANCEL to 84957776675", "30s INVITE to 84957776676", "30s 200 from 84957776676", "30s 84957776676 is in, after ", "30s told: connected"}},
		{"nobody is left", play{after: time.Hour, slow: 2 * time.Second}, func(t *testing.T, f *far, l *Links) { f.leavesRoom(l); time.Sleep(time.Second) }, Ringing,
			[]string{"3s CANCEL to 84957776675"}},
		{"the far side calls, and is refused", play{after: 5 * time.Second}, func(t *testing.T, f *far, l *Links) {
			if m := l.Meet("354233", conference, dialout.Mark{}, f.callsUs()); !m.Refused {
				t.Error("it was not refused")
			}
		}, Ringing, nil},
		{"the far side calls, and ours yields", play{after: 5 * time.Second}, func(t *testing.T, f *far, l *Links) {
			if m := l.Meet("354233", conference, dialout.Mark{Instance: "0", Room: "354233", Link: true}, f.callsUs()); m.Refused {
				t.Error("it was refused")
			}
		}, Met, []string{"3s CANCEL to 84957776675", "3s told: connected", "3s INVITE to 84957776676", "3s 200 from 84957776676",
			"3s 84957776676 is in, after ", "3s told: connected"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			within(t, cfg, func(f *far, l *Links) {
				f.plays[conference] = []play{c.play}
				f.joins(l)
				synctest.Wait()
				l.People("5234", 1, true)
				time.Sleep(3 * time.Second)
				f.wantLog("0s INVITE to 84957776675")
				before := l.Status()
				if _, err := f.handsOver(context.Background()); err != nil {
					t.Fatal(err)
				}
				f.links.People("354233", f.room.Incarnation, true)
				f.links.People("5234", 1, true)
				f.resumes()
				wantFigures(t, f.links, before[0])
				if got := f.links.Status()[1].State; got != WaitingForLine {
					t.Errorf("the second link is %s", got)
				}
				c.what(t, f, f.links)
				synctest.Wait()
				got := f.links.Status()[0]
				if got.State != c.state {
					t.Errorf("the link is %s, want %s", got.State, c.state)
				}
				f.wantLog(c.log...)
			})
		})
	}
}

// There is nobody left when the next process begins, or it has no such link any more: the INVITE is cancelled, and the second link has the line only when the
// far side has said its last word.
func TestALinkThatRangForNobody(t *testing.T) {
	cfg := one()
	cfg.Lines = []Line{{Name: "provider's"}}
	cfg.Links[0].Line = "provider's"
	cfg.Links = append(cfg.Links, Link{Room: "5234", Number: "84957776676", Line: "provider's"})
	for gone, want := range map[bool][]string{
		false: {"1s CANCEL to 84957776675", "3s INVITE to 84957776676", "3s 200 from 84957776676", "3s 84957776676 is in, after ", "3s told: connected"},
		true:  {"1s INVITE to 84957776676", "1s 200 from 84957776676", "1s 84957776676 is in, after ", "1s told: connected", "3s CANCEL to 84957776675"},
	} {
		within(t, cfg, func(f *far, l *Links) {
			f.plays[conference] = []play{{after: time.Hour, slow: 2 * time.Second}}
			f.joins(l)
			synctest.Wait()
			l.People("5234", 1, true)
			time.Sleep(time.Second)
			f.wantLog("0s INVITE to 84957776675")
			if gone {
				f.cfg.Links = f.cfg.Links[1:]
			}
			if _, err := f.handsOver(context.Background()); err != nil {
				t.Fatal(err)
			}
			f.links.People("5234", 1, true)
			f.resumes()
			time.Sleep(time.Minute)
			f.wantLog(want...)
		})
	}
}

// What is under way is waited for: the digits. What rings goes on. If it takes too long, that is said, and the link goes on; a link that
// becomes needed meanwhile is dialled afterwards.
func TestAPauseOfTheLinks(t *testing.T) {
	cfg := one()
	cfg.Links = append(cfg.Links, Link{Room: "5234", Number: "84957776676"})
	within(t, cfg, func(f *far, l *Links) {
		f.plays[conference] = []play{{after: 3 * time.Second}, {}}
		f.dials = 7 * time.Second
		f.joins(l)
		time.Sleep(time.Second)
		for _, want := range []string{"", "the link of room 354233 with 84957776675 is sending digits"} {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			got := ""
			if err := l.Pause(ctx); err != nil {
				got = err.Error()
			}
			if l.Resume(); got != want {
				t.Errorf("it was paused: %q", got)
			}
			time.Sleep(3 * time.Second)
		}
		if err := f.dialer.Pause(context.Background()); err != nil {
			t.Error(err)
		}
		l.People("5234", 1, true)
		synctest.Wait()
		if err := l.Pause(context.Background()); err != nil {
			t.Error(err)
		}
		f.wantLog("0s INVITE to 84957776675", "3s 200 from 84957776675", "10s 84957776675 is in, after 354233", "10s told: connected")
		f.call(conference).ends(false)
		f.wantLog("10s 84957776675: lost")
		wantState(t, l, Up) // for the time being
		if im := l.Save(); im.Links[1].State != WaitingForLine || im.Links[1].Attempts != 0 {
			t.Errorf("the link that was not dialled is written down as %+v", im.Links[1])
		}
		time.Sleep(time.Minute)
		f.resumes()
		synctest.Wait()
		f.call("84957776676").ends(false) // it has no script, but takes as long
		time.Sleep(time.Second)
		wantState(t, l, SendingDigits)
		if got := l.Status()[1]; got.State != SendingDigits || got.Attempts != 2 {
			t.Errorf("the second link is %+v", got)
		}
	})
}

// The next process has no such link any more: its call is hung up.
func TestALinkThatIsNotConfiguredAnyMore(t *testing.T) {
	within(t, one(), func(f *far, l *Links) {
		f.joins(l)
		f.wantLog("0s INVITE to 84957776675", "0s 200 from 84957776675", "0s 84957776675 is in, after 354233", "0s told: connected")
		f.cfg.Links[0].Number = "84957776676"
		handsOver(t, f, true)
		f.wantLog("0s BYE to 84957776675", "0s INVITE to 84957776676", "0s 200 from 84957776676", "0s 84957776676 is in, after 354233", "0s told: connected")
		synctest.Wait()
		if c := f.ours[0]; c.reason != "the link is not in the configuration any more" {
			t.Errorf("it was hung up because %s", c.reason)
		}
	})
}

// The line has become smaller in the configuration of the next process: nobody is hung up for that, and it is full until it is not.
func TestALineThatHasBecomeSmaller(t *testing.T) {
	cfg := Config{Luck: func() float64 { return 0 }, Lines: []Line{{Name: "shared", Capacity: 2}}}
	for _, room := range []string{"1", "2", "3"} {
		cfg.Links = append(cfg.Links, Link{Room: room, Number: "8495777000" + room, Line: "shared"})
	}
	within(t, cfg, func(f *far, l *Links) {
		for _, room := range []string{"1", "2", "3"} {
			l.People(room, 1, true)
			synctest.Wait()
		}
		f.cfg.Lines[0].Capacity = 1
		if _, err := f.handsOver(context.Background()); err != nil {
			t.Fatal(err)
		}
		for _, room := range []string{"1", "2", "3"} {
			f.links.People(room, 1, true)
		}
		f.resumes()
		want := func(states ...State) {
			t.Helper()
			synctest.Wait()
			for i, s := range f.links.Status() {
				if s.State != states[i] {
					t.Errorf("link %d is %s, want %s", i+1, s.State, states[i])
				}
			}
		}
		want(Up, Up, WaitingForLine)
		f.links.People("1", 1, false)
		want(Idle, Up, WaitingForLine)
		f.links.People("2", 1, false)
		want(Idle, Idle, Up)
	})
}
