//go:build e2e && linux

package asterisk_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipconf/sipconf/asterisk/rig"
	"github.com/sipconf/sipconf/bench/phone"
)

// lastLeg is the name of Asterisk's newest channel to sipconf.
func lastLeg(t *testing.T, pbx *rig.Asterisk) (last string) {
	t.Helper()
	for line := range strings.Lines(pbx.CLI("core show channels concise")) {
		if channel, _, ok := strings.Cut(line, "!"); ok && strings.HasPrefix(channel, "PJSIP/sipconf-") {
			last = max(last, channel)
		}
	}
	if last == "" {
		t.Fatal("there is no channel to sipconf")
	}
	return last
}

// moving is a dialplan in which Asterisk transfers the leg of whoever gets there to a number, and waits if that fails.
func moving(numbers ...string) (lines []string) {
	for _, number := range numbers {
		lines = append(lines, "exten => move"+number+",1,Transfer("+number+")", " same => n,NoOp(the transfer to "+number+" is a ${TRANSFERSTATUS} ${TRANSFERSTATUSPROTOCOL})",
			` same => n,GotoIf($["${TRANSFERSTATUS}" = "SUCCESS"]?done)`, " same => n,Wait(60)", " same => n(done),Hangup()")
	}
	return lines
}

// logs waits until Asterisk's log says something.
func logs(t *testing.T, pbx *rig.Asterisk, what string) {
	t.Helper()
	for deadline := time.Now().Add(patience); !strings.Contains(pbx.Log(), what); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("Asterisk does not say: %s", what)
		}
	}
}

// TestE2ETransferMovesTheLeg: the dialplan transfers Anna's leg, which is in a room, to Boris (Transfer(), a REFER in that leg's dialog). Boris is in,
// and only then the leg goes; Asterisk knows that it went well. To somebody who is busy, or who may not be dialled, it fails, and
// the leg stays in the room.
func TestE2ETransferMovesTheLeg(t *testing.T) {
	t.Parallel()
	const addr, pbxAddr, local = "127.0.27.31", "127.0.27.21", "127.0.27.41"
	boris := picksUp(t, "102", local+":5062", 1130)
	busy, err := phone.New(phone.Config{Local: netip.MustParseAddrPort(local + ":5063"), Number: "103", Answer: func(in *phone.Incoming) { in.Reject(486) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(busy.Close)
	pbx := rig.Start(t, rig.Options{
		Addr: pbxAddr, Ports: ports(38200), Sipconf: addr + ":5060", Dialplan: append(moving("102", "103", "00441234567"), sipconfMayDial...),
		Phones: []rig.Phone{
			{Name: "Anna", Number: "101"}, {Name: "Boris", Number: "102", Addr: boris.Addr().String()}, {Name: "Clara", Number: "103", Addr: busy.Addr().String()}, {Name: "Emil", Number: "105"},
		},
	})
	s := serve(t, addr, 38400, through(pbxAddr))
	dora := calls(t, "Dora", "5001", local, "sip:5234@"+s.addr, 1490)
	transfers := func(number, outcome string) {
		t.Helper()
		pbx.CLI(fmt.Sprintf("channel redirect %s phones,move%s,1", lastLeg(t, pbx), number))
		logs(t, pbx, fmt.Sprintf("the transfer to %s is a %s", number, outcome))
	}
	emil := calls(t, "Emil", "105", local, pbx.URI("*15234"), 1900)
	converse(t, emil, dora)
	transfers("103", "FAILURE 486")
	transfers("00441234567", "FAILURE 403")
	if left := s.events("left"); len(left) != 0 {
		t.Errorf("left: %+v", left)
	}

	anna := calls(t, "Anna", "101", local, pbx.URI("*15234"), 370)
	converse(t, anna, dora)
	transfers("102", "SUCCESS")
	converse(t, dora, answered(t, "Boris", boris, 1130))
	silent(t, "Anna, who has gone", anna.hz, dora)
	s.await(t, "Anna's leg has left", func() bool { return len(s.events("left")) == 1 })
	joined, left := s.events("joined"), s.events("left")
	if len(joined) != 4 || joined[3].Number != "102" || left[0].Call != joined[2].Call || left[0].Reason != "transferred" {
		t.Errorf("joined %+v, left %+v", joined, left)
	}
	// What is left of it at Asterisk: Emil's leg, which waits, and Boris's, which sipconf has called.
	for deadline := time.Now().Add(patience); strings.Count(pbx.CLI("core show channels concise"), "PJSIP/sipconf-") != 2; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("Asterisk's channels:\n%s", pbx.CLI("core show channels concise"))
		}
	}
	pbx.CLI("channel request hangup all") // Emil's leg would wait for a minute; he and Boris are hung up with it
	s.leavesNothing(t, pbx, dora)
}

// TestE2EBlindTransferIntoARoom: Anna talks to Boris, and transfers him blindly into room 5234. Asterisk does that by itself; sipconf gets a call.
func TestE2EBlindTransferIntoARoom(t *testing.T) {
	t.Parallel()
	const addr, pbxAddr, local = "127.0.28.31", "127.0.28.21", "127.0.28.41"
	boris := picksUp(t, "102", local+":5062", 1130)
	pbx := rig.Start(t, rig.Options{
		Addr: pbxAddr, Ports: ports(38700), Sipconf: addr + ":5060",
		Phones: []rig.Phone{{Name: "Anna", Number: "101"}, {Name: "Boris", Number: "102", Addr: boris.Addr().String()}},
	})
	s := serve(t, addr, 38900)
	dora := calls(t, "Dora", "5001", local, "sip:5234@"+s.addr, 1490)
	anna := calls(t, "Anna", "101", local, pbx.URI("102"), 370)
	converse(t, anna, answered(t, "Boris", boris, 1130))
	r, err := anna.Request(within(t), "REFER", nil, phone.Header{Name: "Refer-To", Value: "<" + pbx.URI("*15234") + ">"})
	if err != nil || r.Status != 202 {
		t.Fatalf("REFER: %v %v", r, err)
	}
	converse(t, dora, answered(t, "Boris", boris, 1130))
	joined := s.events("joined")
	if len(joined) != 2 || joined[1].Number != "102" || joined[1].Room != "5234" {
		t.Errorf("joined %+v", joined)
	}
	silent(t, "Anna, who has transferred him", anna.hz, dora)
	s.leavesNothing(t, pbx, dora, anna, answered(t, "Boris", boris, 1130))
}

// TestE2EACallThroughAsteriskIsTakenOver: Anna has an account at Asterisk, by which she talks to Boris, and one at sipconf, by which she is in a room.
// Her conference button asks the room to take over the call with Boris (REFER with Replaces, RFC 4579 section 5.6): Asterisk puts the room in her place, and
// hangs her leg up. What her telephone knows of Boris is Asterisk's Contact, with his number or without any.
func TestE2EACallThroughAsteriskIsTakenOver(t *testing.T) {
	for i, user := range []string{"102@", ""} {
		t.Run("user "+user, func(t *testing.T) {
			t.Parallel()
			addr, pbxAddr, local := fmt.Sprintf("127.0.29.%d", 31+i), fmt.Sprintf("127.0.29.%d", 21+i), fmt.Sprintf("127.0.29.%d", 41+i)
			boris := picksUp(t, "102", local+":5062", 1130)
			pbx := rig.Start(t, rig.Options{
				Addr: pbxAddr, Ports: ports(37200 + 400*i), Sipconf: addr + ":5060", Dialplan: sipconfMayDial,
				Phones: []rig.Phone{{Name: "Anna", Number: "101"}, {Name: "Boris", Number: "102", Addr: boris.Addr().String()}},
			})
			s := serve(t, addr, 37000+400*i, through(pbxAddr))
			dora := calls(t, "Dora", "5001", local, "sip:5234@"+s.addr, 1490)
			talk := calls(t, "Anna", "101", local, pbx.URI("102"), 370)
			anna := calls(t, "Anna", "101", local, "sip:5234@"+s.addr, 640)
			converse(t, talk, answered(t, "Boris", boris, 1130))
			converse(t, anna, dora)

			tagOf := func(value string) string { return value[strings.Index(value, ";tag=")+5:] }
			to, from := tagOf(talk.Response().Header("To")), tagOf(talk.Response().Header("From"))
			replaces := strings.NewReplacer("@", "%40", ";", "%3B", "=", "%3D").Replace(fmt.Sprintf("%s;to-tag=%s;from-tag=%s", talk.ID(), to, from))
			r, err := anna.Request(within(t), "REFER", nil, phone.Header{Name: "Refer-To", Value: fmt.Sprintf("<sip:%s%s?Replaces=%s>", user, pbxAddr, replaces)})
			if err != nil || r.Status != 202 {
				t.Fatalf("REFER: %v %v", r, err)
			}
			converse(t, anna, dora, answered(t, "Boris", boris, 1130))
			select {
			case <-talk.Done():
				if !talk.Ending().ByPeer {
					t.Errorf("Anna's call with Boris: %+v", talk.Ending())
				}
			case <-within(t).Done():
				t.Error("Anna's call with Boris was not hung up")
			}
			// Who that is Asterisk says, at once or when it has put the two together.
			s.await(t, "Boris has joined", func() bool {
				joined, renamed := s.events("joined"), s.events("renamed")
				return len(joined) == 3 && slices.ContainsFunc(append(joined[2:], renamed...), func(e event) bool { return e.Call == joined[2].Call && e.Number == "102" })
			})
			s.leavesNothing(t, pbx, anna, dora, answered(t, "Boris", boris, 1130))
		})
	}
}

// TestE2ETheButtonRefersAtAsterisk: Anna has an account at Asterisk, by which she talks to Boris, and one at sipconf. Her conference button calls the factory there, and
// refers Boris to the room that she is told of, where his call is: at Asterisk, whose dialplan leads four digits to sipconf.
func TestE2ETheButtonRefersAtAsterisk(t *testing.T) {
	t.Parallel()
	const addr, pbxAddr, local = "127.0.30.31", "127.0.30.21", "127.0.30.41"
	boris := picksUp(t, "102", local+":5062", 1130)
	pbx := rig.Start(t, rig.Options{
		Addr: pbxAddr, Ports: ports(48200), Sipconf: addr + ":5060",
		Phones: []rig.Phone{{Name: "Anna", Number: "101"}, {Name: "Boris", Number: "102", Addr: boris.Addr().String()}},
	})
	s := serve(t, addr, 48000, "numbers:\n  - {pattern: conference, factory: true, room: \"${FRESH:-4}\"}\n  - {pattern: _XXXX, room: \"${EXTEN}\"}\n")
	talk := calls(t, "Anna", "101", local, pbx.URI("102"), 370)
	converse(t, talk, answered(t, "Boris", boris, 1130))
	anna := calls(t, "Anna", "101", local, "sip:conference@"+s.addr, 640)
	room, _, _ := strings.Cut(strings.TrimPrefix(anna.Response().Header("Contact"), "<sip:"), "@")
	r, err := talk.Request(within(t), "REFER", nil, phone.Header{Name: "Refer-To", Value: "<" + pbx.URI(room) + ">"})
	if err != nil || r.Status != 202 {
		t.Fatalf("REFER: %v %v", r, err)
	}
	converse(t, anna, answered(t, "Boris", boris, 1130))
	if joined := s.events("joined"); len(room) != 4 || len(joined) != 2 || joined[1].Room != room || joined[1].Number != "102" {
		t.Errorf("room %s, joined %+v", room, joined)
	}
	s.leavesNothing(t, pbx, anna, talk, answered(t, "Boris", boris, 1130))
}
