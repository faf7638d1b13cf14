package ami_test

import (
	"strings"
	"testing"

	"github.com/sipconf/sipconf/asterisk/ami"
)

// event is a message of those lines.
func event(lines ...string) (m ami.Message) {
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		m = append(m, ami.Header{Name: name, Value: value})
	}
	return m
}

func TestParseRequest(t *testing.T) {
	// What Asterisk 22.10 sends.
	m := event("Event: UserEvent", "Privilege: user,all", "Channel: PJSIP/101-00000000", "ChannelState: 6", "CallerIDNum: 101", "Context: sipconf-upgrade",
		"UserEvent: ConferenceRequest", "Channel1: PJSIP/101-00000000", "Channel2: PJSIP/102-00000001", "Room: 101")
	r, ok, err := ami.ParseRequest(m)
	if want := (ami.Request{Channels: [2]string{"PJSIP/101-00000000", "PJSIP/102-00000001"}, Room: "101"}); !ok || err != nil || r != want {
		t.Errorf("got %+v, %v, %v", r, ok, err)
	}
	if _, ok, err := ami.ParseRequest(event("Event: UserEvent", "UserEvent: AgentStatus", "Room: 101")); ok || err != nil {
		t.Errorf("another event: %v, %v", ok, err)
	}
}

// TestParseRequestRefuses: what a caller with a strange number, or a dialplan with a fault, may make of the event.
func TestParseRequestRefuses(t *testing.T) {
	const request, one, two, room = "UserEvent: ConferenceRequest", "Channel1: PJSIP/101-1", "Channel2: PJSIP/102-2", "Room: 101"
	for _, lines := range [][]string{
		{request, one, two},
		{request, one, two, "Room: "},
		{request, one, two, "Room: 10 1"},
		{request, one, two, "Room: 101,102"},
		{request, one, two, "Room: ${EXTEN}"},
		{request, one, two, "Room: 101\rAction: Originate"},
		{request, one, two, "Room: " + strings.Repeat("1", 80)},
		{request, one, room},
		{request, two, room},
		{request, one, "Channel2: ", room},
		{request, one, "Channel2: PJSIP/101-1", room},
		{request, one, "Channel2: PJSIP/102-2,PJSIP/103-3", room}, // BRIDGEPEER where three talk
		{request, one, "Channel2: PJSIP/102-2\n", room},
		{request, one, two, "Channel2: PJSIP/103-3", room}, // smuggled in: 101,Channel2: PJSIP/103-3
		{request, one, two, room, "room: 102"},
		{request, one, two, room, "CHANNEL1: PJSIP/103-3"},
	} {
		if r, ok, err := ami.ParseRequest(event(append([]string{"Event: UserEvent"}, lines...)...)); !ok || err == nil {
			t.Errorf("%q is obeyed: %+v, %v", lines, r, ok)
		}
	}
	if _, ok, _ := ami.ParseRequest(event("Event: UserEvent", request, "UserEvent: Other", one, two, room)); ok {
		t.Error("an event of two names is one of ours")
	}
}
