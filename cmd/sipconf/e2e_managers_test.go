package main

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sipconf/sipconf/asterisk/ami/amitest"
	"github.com/sipconf/sipconf/bench/phone"
)

// TestE2EManagers: a server with the manager interfaces of two PBXs, one of which is not there. What the figures say, what *1 comes
// to, and that nobody is sent into a locked room.
func TestE2EManagers(t *testing.T) {
	t.Parallel()
	pbx := amitest.New("sipconf", "s3cret")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	pbx.Listen(l)
	t.Cleanup(pbx.Close)
	t.Cleanup(func() { l.Close() })
	o := newOffice(t, func(cfg *Config) {
		cfg.Asterisk.AMI = []manager{
			{Name: "pbx", Address: l.Addr().String(), Username: "sipconf", Secret: "s3cret"},
			{Name: "gone", Address: "127.0.0.1:1", Username: "sipconf", Secret: "s3cret"},
		}
		cfg.Rooms.MaxParticipants = 3
	})
	o.shows(`sipconf_ami_up{pbx="pbx"}`, 1)
	o.shows(`sipconf_ami_up{pbx="gone"}`, 0)
	o.shows(`sipconf_upgrades_total{outcome="done",pbx="gone"}`, 0)
	presses := func(one, two string) {
		pbx.Raise("Event: UserEvent\r\nUserEvent: ConferenceRequest\r\nChannel1: PJSIP/" + one + "\r\nChannel2: PJSIP/" + two + "\r\nRoom: 5234\r\n\r\n")
	}

	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	presses("101-1", "102-2")
	if err := pbx.Await(ctx, func() bool { return len(pbx.Asked("Redirect")) == 1 }); err != nil {
		t.Fatal("no redirect: ", err)
	}
	o.shows(`sipconf_upgrades_total{outcome="done",pbx="pbx"}`, 1)
	if r := pbx.Asked("Redirect")[0]; r.Get("Exten") != "*15234" || r.Get("Channel") != "PJSIP/101-1" || r.Get("ExtraChannel") != "PJSIP/102-2" {
		t.Errorf("asked for %v", r)
	}

	anna := o.joins(phone.Config{}, "5234", 0)
	o.rooms.Lock("5234", true)
	presses("103-3", "104-4")
	o.shows(`sipconf_upgrades_total{outcome="locked",pbx="pbx"}`, 1)
	o.rooms.Lock("5234", false)
	boris := o.joins(phone.Config{}, "5234", 0)
	presses("103-3", "104-4")
	o.shows(`sipconf_upgrades_total{outcome="room_full",pbx="pbx"}`, 1)
	if err := boris.Hangup(ctx); err != nil {
		t.Error(err)
	}
	o.shows("sipconf_participants", 1)
	presses("103-3", "104-4")
	o.shows(`sipconf_upgrades_total{outcome="done",pbx="pbx"}`, 2)
	if err := anna.Hangup(ctx); err != nil {
		t.Error(err)
	}

	pbx.Drop() // it starts anew
	o.shows(`sipconf_ami_logins_total{pbx="pbx"}`, 2)
	if log := o.log.String(); strings.Contains(log, "s3cret") || strings.Count(log, "connected to Asterisk's manager") != 2 {
		t.Error("the log has the secret in it, or no line for each connection")
	}
}

// shows waits until a figure has that value.
func (o *office) shows(name string, want float64) {
	o.Helper()
	o.eventually(fmt.Sprint(name, " is ", want), func() bool { return o.figure(name) == want })
}
