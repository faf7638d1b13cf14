package dialout

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestAlternateNumbers(t *testing.T) {
	for _, c := range []struct {
		name      string
		extension string
		next      time.Duration
		phones    func(o *office)
		want, log string
	}{
		{name: "in their order", extension: "101, 102,103", phones: func(o *office) {
			o.phone("101").rings(0)
			o.phone("102").fails(time.Second, 486)
			o.phone("103").rings(0).answers(time.Second)
		}, want: "in", log: `0s INVITE 101@pbx
			30s CANCEL 101@pbx: no answer
			30s INVITE 102@pbx
			31s INVITE 103@pbx
			32s 103@pbx is in`},
		{name: "the last one's outcome", extension: "101,102,103", phones: func(o *office) {
			o.phone("101").fails(0, 486)
			o.phone("103").fails(0, 480)
		}, want: "no answer", log: "0s INVITE 101@pbx\n0s INVITE 102@pbx\n0s INVITE 103@pbx"},
		{name: "who declines is not asked again", extension: "101,102", phones: func(o *office) {
			o.phone("101").fails(time.Second, 603)
		}, want: "declined", log: "0s INVITE 101@pbx"},
		{name: "a voicemail is no answer", extension: "89161234567,102", phones: func(o *office) {
			o.phone("89161234567").answers(0)
			o.phone("102").answers(0)
		}, want: "in", log: `0s INVITE 89161234567@carrier
			10s 89161234567@carrier is no-accept
			10s BYE 89161234567@carrier: no-accept
			10s INVITE 102@pbx
			10s 102@pbx is in`},
		{name: "a policy of one's own", extension: "8 916 123-45-67 straight", phones: func(o *office) {
			o.phone("89161234567").answers(0)
		}, want: "in", log: "0s INVITE 89161234567@carrier\n0s 89161234567@carrier is in"},
		{name: "a policy that nobody knows", extension: "102 strait", phones: func(o *office) {
			o.phone("102").answers(0)
		}, want: "no-accept", log: "0s INVITE 102@pbx\n10s 102@pbx is no-accept\n10s BYE 102@pbx: no-accept"},
		{name: "together after a while", extension: "101,102,103", next: 5 * time.Second, phones: func(o *office) {
			o.phone("101").rings(0)
			o.phone("102").rings(0)
			o.phone("103").rings(0).answers(2 * time.Second)
		}, want: "in", log: `0s INVITE 101@pbx
			5s INVITE 102@pbx
			10s INVITE 103@pbx
			12s CANCEL 101@pbx: answered elsewhere
			12s CANCEL 102@pbx: answered elsewhere
			12s 103@pbx is in`},
		{name: "the next at once when one is busy", extension: "101,102,103", next: 5 * time.Second, phones: func(o *office) {
			o.phone("101").rings(0)
			o.phone("102").fails(time.Second, 486)
			o.phone("103").rings(0)
		}, want: "no answer", log: `0s INVITE 101@pbx
			5s INVITE 102@pbx
			6s INVITE 103@pbx
			30s CANCEL 101@pbx: no answer
			36s CANCEL 103@pbx: no answer`},
		{name: "two answers that cross", extension: "101,102", next: 5 * time.Second, phones: func(o *office) {
			o.phone("101").rings(0).answers(7 * time.Second)
			o.phone("102").rings(0).crosses = true
		}, want: "in", log: `0s INVITE 101@pbx
			5s INVITE 102@pbx
			7s CANCEL 102@pbx: answered elsewhere
			7s 101@pbx is in
			7s BYE 102@pbx: answered elsewhere`},
		{name: "an answer that crosses, and is not waited for", extension: "101,102", next: 5 * time.Second, phones: func(o *office) {
			o.phone("101").rings(0).answers(7 * time.Second)
			p := o.phone("102").rings(0)
			p.crosses, p.slow = true, 3*time.Second
		}, want: "in", log: `0s INVITE 101@pbx
			5s INVITE 102@pbx
			7s CANCEL 102@pbx: answered elsewhere
			7s 101@pbx is in
			10s BYE 102@pbx: answered elsewhere`},
		{name: "a no that crosses a ringing", extension: "101,102", next: 5 * time.Second, phones: func(o *office) {
			o.phone("101").rings(0).fails(7*time.Second, 603)
			p := o.phone("102").rings(0)
			p.crosses, p.slow = true, time.Second
		}, want: "declined", log: `0s INVITE 101@pbx
			5s INVITE 102@pbx
			7s CANCEL 102@pbx: answered elsewhere
			8s BYE 102@pbx: answered elsewhere`},
		{name: "a voicemail, while another rings", extension: "89161234567,102,103", next: 3 * time.Second, phones: func(o *office) {
			o.phone("89161234567").rings(0).answers(5 * time.Second)
			o.phone("102").rings(0)
			o.phone("103").rings(0).answers(time.Second)
		}, want: "in", log: `0s INVITE 89161234567@carrier
			3s INVITE 102@pbx
			5s CANCEL 102@pbx: answered elsewhere
			15s 89161234567@carrier is no-accept
			15s BYE 89161234567@carrier: no-accept
			15s INVITE 103@pbx
			16s 103@pbx is in`},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := two()
			cfg.Trunks[0].Numbers = []string{"_1XX"}
			gathering(t, cfg, GroupsConfig{NextAfter: c.next}, func(o *office) {
				o.list("100", c.extension)
				c.phones(o)
				o.press(1)
				time.Sleep(2 * time.Minute)
				o.wantStates(c.extension + ": " + c.want)
				o.wantLog(c.log)
			})
		})
	}
}

// TestTwoNumbersOfOneMemberAnswerAtOnce: in the very same moment, in every order in which that may go on.
func TestTwoNumbersOfOneMemberAnswerAtOnce(t *testing.T) {
	for range 50 {
		gathering(t, pbx(), GroupsConfig{NextAfter: time.Second}, func(o *office) {
			o.list("100", "101,102,103")
			o.phone("101").rings(0).answers(5 * time.Second)
			o.phone("102").rings(0).answers(4 * time.Second)
			o.phone("103").rings(0).fails(3*time.Second, 603)
			o.press(1)
			time.Sleep(time.Minute)
			synctest.Wait()
			if live := o.live(); len(live) > 1 {
				t.Errorf("on a call: %v", live)
			}
		})
	}
}

func TestTheSecondAnswerIsHungUp(t *testing.T) {
	gathering(t, pbx(), GroupsConfig{NextAfter: time.Second}, func(o *office) {
		o.list("100", "101,102")
		o.phone("101").rings(0).answers(5 * time.Second).linger = time.Second
		o.phone("102").rings(0).answers(4500 * time.Millisecond)
		o.press(1)
		time.Sleep(time.Minute)
		o.wantLog(`0s INVITE 101@pbx
			1s INVITE 102@pbx
			5.5s 102@pbx is in
			6s BYE 101@pbx: answered elsewhere`)
	})
}

func TestAnAnswerGoesBeforeANo(t *testing.T) {
	gathering(t, pbx(), GroupsConfig{NextAfter: time.Second}, func(o *office) {
		o.dawdle = time.Second // so that the answer comes when the no is being dealt with
		o.list("100", "101,102")
		o.phone("101").rings(0).fails(5*time.Second, 603)
		o.phone("102").rings(0).answers(4500 * time.Millisecond)
		o.press(1)
		time.Sleep(time.Minute)
		o.wantStates("101,102: in")
	})
}

func TestWhatALoserSaysIsNotHeard(t *testing.T) {
	gathering(t, pbx(), GroupsConfig{NextAfter: time.Second}, func(o *office) {
		o.list("100", "101,102")
		p := o.phone("101").rings(0)
		p.chatty, p.slow = true, time.Second
		o.phone("102").rings(0).answers(time.Second)
		o.press(1)
		time.Sleep(time.Minute)
		o.wantStates("101,102: in")
		if got := o.changes[len(o.changes)-1]; got != "101,102: in" {
			t.Errorf("told last: %s", got)
		}
	})
}

func TestWhoHasComeMeanwhileIsNotCalledAtHisOtherNumber(t *testing.T) {
	gathering(t, pbx(), GroupsConfig{}, func(o *office) {
		o.list("100", "101,102")
		o.phone("101").rings(0).fails(5*time.Second, 486)
		o.press(1)
		time.Sleep(time.Second)
		o.enters("102")
		time.Sleep(time.Minute)
		o.wantLog("0s INVITE 101@pbx")
		o.wantReport("1 of 1")
	})
}
