package main

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sipconf/sipconf/bench/phone"
)

// Dialogs, half done, while a server is upgraded: stories of e2e_carried_test.go.

// Hana holds before, and resumes after. Hans holds after, and resumes.
func onHold(c *carried) (moment, end func()) {
	hana := c.speaks(phone.Config{Name: "Hana", Number: "3018"}, "6010", 400)
	hans := c.speaks(phone.Config{Name: "Hans", Number: "3019"}, "6010", 600)
	c.hears("Hans", hans, []float64{400})
	if err := hana.Hold(c.soon(), phone.HoldSendOnly, false); err != nil {
		c.Fatal(err)
	}
	c.hears("Hans", hans, nil, 400)
	delete(c.talkers, "Hana") // who hears nothing
	return nil, func() {
		c.hears("Hans", hans, nil, 400)
		if err := hana.Resume(c.soon(), true); err != nil {
			c.Fatal(err)
		}
		c.talkers["Hana"] = hana
		c.hears("Hans", hans, []float64{400})
		c.hears("Hana", hana, []float64{600})
		if err := hans.Hold(c.soon(), phone.HoldInactive, false); err != nil {
			c.Fatal(err)
		}
		c.hears("Hana", hana, nil, 600)
		if err := hans.Resume(c.soon(), false); err != nil {
			c.Fatal(err)
		}
		c.hears("Hana", hana, []float64{600})
		if h := hana.Heard(); len(h.SSRCs) != 1 || h.TSJumps != 0 {
			c.Errorf("SSRCs %v, %d timestamps jump", h.SSRCs, h.TSJumps)
		}
	}
}

// Tina calls over TCP, Iris over IPv6. Tina's connection goes over: hers are still the same two ends, and both may ask something on it.
func allNetworks(c *carried) (moment, end func()) {
	tina := c.speaks(phone.Config{Name: "Tina", Number: "3020", Transport: "tcp"}, "6011", 400)
	iris := c.speaks(phone.Config{Name: "Iris", Number: "3021", Local: netip.MustParseAddrPort("[::1]:0")}, "6011", 600)
	talk := func() {
		c.Helper()
		c.hears("Tina", tina, []float64{600}, 400)
		c.hears("Iris", iris, []float64{400}, 600)
	}
	talk()
	connections := func() (ends []string) {
		text, err := os.ReadFile("/proc/net/tcp")
		if err != nil {
			c.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if fields := strings.Fields(line); len(fields) > 3 && fields[3] == "01" && strings.HasSuffix(fields[1], fmt.Sprintf(":%04X", c.port)) {
				ends = append(ends, fields[2])
			}
		}
		slices.Sort(ends)
		return ends
	}
	var before []string
	return func() { before = connections() }, func() {
		if now := connections(); len(before) == 0 || !slices.Equal(now, before) {
			c.Errorf("connections with %q, and there were those with %q", now, before)
		}
		talk()
		for who, call := range map[string]*phone.Call{"Tina": tina, "Iris": iris} {
			if err := call.Reinvite(c.soon()); err != nil {
				c.Errorf("%s renews the session: %v", who, err)
			}
		}
		talk()
		c.told(exitGood, "is hung up", "kick", "6011", "3020") // a request of ours
		select {
		case <-tina.Done():
		case <-c.soon().Done():
			c.Error("Tina got no BYE")
		}
		if now := connections(); !slices.Equal(now, before) {
			c.Errorf("at last, connections with %q, and there were those with %q", now, before)
		}
		delete(c.talkers, "Tina")
	}
}

// Somebody has sent the first half of a request over TCP. The other half comes after, and it is answered.
func halfAMessage(c *carried) (moment, end func()) {
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", c.port))
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() { conn.Close() })
	text := fmt.Sprintf("OPTIONS sip:6011@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP %[1]v;branch=z9hG4bKhalf\r\nFrom: <sip:3029@%[1]v>;tag=half\r\n"+
		"To: <sip:6011@127.0.0.1>\r\nCall-ID: half\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n", conn.LocalAddr())
	send := func(part string) {
		if _, err := conn.Write([]byte(part)); err != nil {
			c.Error(err)
		}
	}
	send(text[:len(text)/2])
	return nil, func() {
		send(text[len(text)/2:])
		conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		answer := make([]byte, 4096)
		if n, err := conn.Read(answer); err != nil || !strings.HasPrefix(string(answer[:n]), "SIP/2.0 200 ") {
			c.Errorf("%v, %s", err, answer[:n])
		}
	}
}

// Uwe's phone has not acknowledged its 200. That comes again, and when it is acknowledged he is in.
func withoutItsACK(c *carried) (moment, end func()) {
	var answers atomic.Int32
	p := c.phone(phone.Config{Name: "Uwe", Number: "3022", Trace: func(sent bool, b []byte) {
		if !sent && strings.HasPrefix(string(b), "SIP/2.0 200 ") && strings.Contains(string(b), " INVITE\r\n") {
			answers.Add(1)
		}
	}})
	ute := c.speaks(phone.Config{Name: "Ute", Number: "3023"}, "6012", 600)
	uwe, err := p.Call(c.soon(), c.uri("6012", "udp", true), phone.WithoutACK())
	if err != nil {
		c.Fatal(err)
	}
	uwe.Speak(phone.Tone(400, loud))
	return nil, func() {
		before := answers.Load()
		c.eventually("the 200 comes again", func() bool { return answers.Load() > before })
		c.hears("Ute", ute, nil, 400)
		if err := uwe.Acknowledge(c.soon()); err != nil {
			c.Fatal(err)
		}
		c.talkers["Uwe"] = uwe
		c.hears("Ute", ute, []float64{400})
		c.hears("Uwe", uwe, []float64{600})
	}
}

// Rosa refers her room to somebody, after.
func aReferAfterwards(c *carried) (moment, end func()) {
	rosa := c.speaks(phone.Config{Name: "Rosa", Number: "3024"}, "6013", 400)
	return nil, func() {
		if told := c.refers(rosa, "<sip:209@pbx>", conferes); told[len(told)-1] != "200 OK" {
			c.Errorf("told %q", told)
		}
		c.talkers["209"] = c.trunk.answered("209")
		c.hears("Rosa", rosa, []float64{toneOf("209")})
	}
}

// Tim's phone leaves the refreshing to us. It is done when its time has come, which is half of 90 s after the call.
func weRefresh(c *carried) (moment, end func()) {
	refreshed := make(chan string, 8)
	tim := c.speaks(phone.Config{Name: "Tim", Number: "3025", Request: func(_ *phone.Call, m *phone.Message) int {
		refreshed <- m.Method + " " + m.Header("Session-Expires")
		return 0
	}}, "6014", 400, phone.WithHeader("Supported", "timer"), phone.WithHeader("Session-Expires", "90;refresher=uas"))
	called := time.Now()
	return nil, func() {
		select {
		case got := <-refreshed:
			c.Logf("%v after the call, by %s", time.Since(called).Round(time.Second), got)
			if !strings.Contains(got, " 90;refresher=uac") {
				c.Errorf("the refresh says %s", got)
			}
		case <-tim.Done():
			c.Errorf("the call has ended: %+v", tim.Ending())
		case <-time.After(time.Minute):
			c.Error("it is not refreshed")
		}
	}
}

// Tom's phone refreshes by itself.
func thePeerRefreshes(c *carried) (moment, end func()) {
	tom := c.speaks(phone.Config{Name: "Tom", Number: "3026"}, "6014", 600, phone.WithHeader("Supported", "timer"), phone.WithHeader("Session-Expires", "90;refresher=uac"))
	return nil, func() {
		r, err := tom.Request(c.soon(), "UPDATE", nil, phone.Header{Name: "Supported", Value: "timer"}, phone.Header{Name: "Session-Expires", Value: "90;refresher=uac"})
		if err != nil || r.Status != 200 || r.Header("Session-Expires") != "90;refresher=uac" {
			c.Errorf("he refreshes: %v, %v", r, err)
		}
	}
}
