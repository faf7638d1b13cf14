package sip

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// described is pcmaSDP with another direction, address and port.
func described(direction, addr string, port, version int) string {
	s := strings.Replace(pcmaSDP, "a=sendrecv", "a="+direction, 1)
	s = strings.Replace(s, "o=- 1 1", fmt.Sprintf("o=- 1 %d", version), 1)
	s = strings.Replace(s, "c=IN IP4 127.0.0.1", "c=IN IP4 "+addr, 1)
	return strings.Replace(s, "m=audio 40000", fmt.Sprintf("m=audio %d", port), 1)
}

// agreedOf reads what a call's goroutine has agreed, on that goroutine.
func agreedOf(call *Call) (remote string, held, listens bool) {
	done := make(chan struct{})
	call.post(func() {
		remote, held, listens = call.Agreed.Remote.String(), call.Agreed.Held, call.Agreed.Listens
		close(done)
	})
	<-done
	return
}

func TestHoldInAllItsForms(t *testing.T) {
	tests := []struct {
		name, offer, answer string // the offer's description; the direction we answer
		held, listens       bool
		remote              string
	}{
		{"sendonly", described("sendonly", "127.0.0.1", 40000, 2), "recvonly", true, false, "127.0.0.1:40000"},
		{"inactive", described("inactive", "127.0.0.1", 40000, 2), "inactive", true, false, "127.0.0.1:40000"},
		{"recvonly", described("recvonly", "127.0.0.1", 40000, 2), "sendonly", false, true, "127.0.0.1:40000"},
		{"zero address", described("sendrecv", "0.0.0.0", 40000, 2), "recvonly", true, false, "0.0.0.0:40000"},
		{"sendonly at a new port", described("sendonly", "127.0.0.1", 40002, 2), "recvonly", true, false, "127.0.0.1:40002"},
		{"inactive at a new address", described("inactive", "127.0.0.9", 41000, 2), "inactive", true, false, "127.0.0.9:41000"},
	}
	for _, how := range []string{"INVITE", "UPDATE"} {
		for _, test := range tests {
			t.Run(how+" "+test.name, func(t *testing.T) {
				inWorld(t, nil, func(w *world) {
					p := w.phone()
					call := p.calls()
					change := func(body string) string {
						if how == "INVITE" {
							p.invites(body)
							answer := string(p.wants(200).Body())
							p.acks("")
							return answer
						}
						p.sends("UPDATE", body)
						return string(p.wants(200).Body())
					}
					answer := change(test.offer)
					if !strings.Contains(answer, "a="+test.answer+"\r\n") {
						t.Errorf("want %s, answered\n%s", test.answer, answer)
					}
					if remote, held, listens := agreedOf(call); remote != test.remote || held != test.held || listens != test.listens {
						t.Errorf("agreed %s held %v listens %v", remote, held, listens)
					}
					answer = change(described("sendrecv", "127.0.0.1", 40000, 3))
					if !strings.Contains(answer, "a=sendrecv\r\n") {
						t.Errorf("resumed with\n%s", answer)
					}
					if remote, held, listens := agreedOf(call); remote != "127.0.0.1:40000" || held || listens {
						t.Errorf("resumed: agreed %s held %v listens %v", remote, held, listens)
					}
					p.hangsUp()
				})
			})
		}
	}
}

// version of o= in a description of ours.
func originVersion(t *testing.T, body []byte) string {
	t.Helper()
	for line := range strings.Lines(string(body)) {
		if f := strings.Fields(line); strings.HasPrefix(line, "o=") && len(f) == 6 {
			return f[2]
		}
	}
	t.Fatalf("no o= in\n%s", body)
	return ""
}

func TestVersionGrowsOnlyWithAChange(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		p.invites(pcmaSDP)
		versions := []string{originVersion(t, p.wants(200).Body())}
		p.acks("")
		w.taken()
		for _, direction := range []string{"sendrecv", "sendonly", "sendonly", "sendrecv"} {
			p.invites(described(direction, "127.0.0.1", 40000, 2))
			versions = append(versions, originVersion(t, p.wants(200).Body()))
			p.acks("")
		}
		if got := strings.Join(versions, " "); got != "1 1 2 2 3" {
			t.Errorf("versions %s", got)
		}
		p.hangsUp()
	})
}

func TestReinviteWithoutSDPGetsAnOffer(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		call := p.calls()
		p.invites("")
		offer := string(p.wants(200).Body())
		if !strings.Contains(offer, "PCMU/8000") || !strings.Contains(offer, "PCMA/8000") {
			t.Errorf("offered\n%s", offer)
		}
		p.acks(described("sendrecv", "127.0.0.7", 42000, 2))
		time.Sleep(time.Second)
		if remote, _, _ := agreedOf(call); remote != "127.0.0.7:42000" {
			t.Errorf("media goes to %s", remote)
		}
		p.hangsUp()
	})
}

func TestGlareWhileOurOfferIsOpen(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		p.calls()
		p.invites("")
		p.wants(200) // carries our offer; its answer is to come in the ACK
		offered := p.inviteCSeq
		p.sends("UPDATE", pcmaSDP)
		p.wants(491)
		p.inviteCSeq = offered
		p.acks(pcmaSDP)
		p.sends("UPDATE", pcmaSDP)
		p.wants(200)
		p.hangsUp()
	})
}

func TestUnacceptableReinviteLeavesTheSession(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		call := p.calls()
		res := p.refused(488, strings.ReplaceAll(pcmaSDP, "RTP/AVP 8 101", "RTP/SAVP 8 101"))
		if warning := header(t, res, "Warning"); !strings.HasPrefix(warning, "302 127.0.0.1 ") {
			t.Errorf("Warning: %s", warning)
		}
		p.refused(400, "v=0\r\nthis is no SDP\r\n")
		if remote, held, _ := agreedOf(call); remote != "127.0.0.1:40000" || held {
			t.Errorf("the session has changed: %s %v", remote, held)
		}
		p.hangsUp()
	})
}

func TestAudioTakenAwayAndBack(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		call := p.calls()
		p.invites(described("sendrecv", "127.0.0.1", 0, 2))
		if answer := string(p.wants(200).Body()); !strings.Contains(answer, "m=audio 0 ") {
			t.Errorf("answered\n%s", answer)
		}
		p.acks("")
		if _, held, _ := agreedOf(call); !held {
			t.Error("a leg without audio is not held")
		}
		p.invites(described("sendrecv", "127.0.0.1", 40000, 3))
		p.wants(200)
		p.acks("")
		if _, held, _ := agreedOf(call); held {
			t.Error("still held")
		}
		p.hangsUp()
	})
}

func TestUpdateWithoutSDPRenamesTheCaller(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		call := p.calls()
		p.sends("UPDATE", "", `P-Asserted-Identity: "Bob B." <sip:200@pbx>`)
		res := p.wants(200)
		if len(res.Body()) != 0 {
			t.Errorf("an answer to no offer:\n%s", res.Body())
		}
		<-call.Renamed()
		if name, number := call.Caller(); name != "Bob B." || number != "200" {
			t.Errorf("caller %q %q", name, number)
		}
		p.hangsUp()
	})
}

func TestRemoteTargetIsRefreshed(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p, moved := w.phone(), w.phone()
		call := p.calls()
		p.contact = "sip:alice@" + moved.addr
		p.invites(pcmaSDP)
		p.wants(200)
		p.acks("")
		time.Sleep(time.Second)
		call.Hangup("")
		bye := moved.wantsRequest("BYE", time.Second, 200)
		if got := bye.Recipient.String(); got != p.contact {
			t.Errorf("BYE for %s", got)
		}
	})
}

func TestRouteSet(t *testing.T) {
	t.Run("loose", func(t *testing.T) {
		inWorld(t, nil, func(w *world) {
			p, proxy := w.phone(), w.phone()
			p.invites(pcmaSDP, "Record-Route: <sip:"+proxy.addr+";lr>, <sip:proxy2.example.com;lr>")
			res := p.wants(200)
			if n := len(res.GetHeaders("Record-Route")); n != 2 {
				t.Errorf("%d Record-Route in the 200", n)
			}
			p.acks("")
			call := w.taken()
			call.Hangup("")
			bye := proxy.wantsRequest("BYE", time.Second, 200)
			var routes []string
			for _, h := range bye.GetHeaders("Route") {
				routes = append(routes, h.Value())
			}
			want := "<sip:" + proxy.addr + ";lr> <sip:proxy2.example.com;lr>"
			if got := strings.Join(routes, " "); got != want || bye.Recipient.String() != p.contact {
				t.Errorf("BYE %s by %s, want %s", bye.Recipient.String(), got, want)
			}
		})
	})
	t.Run("strict", func(t *testing.T) {
		inWorld(t, nil, func(w *world) {
			p, proxy := w.phone(), w.phone()
			call := p.calls("Record-Route: <sip:" + proxy.addr + ">")
			call.Hangup("")
			bye := proxy.wantsRequest("BYE", time.Second, 0)
			if got := bye.Recipient.String() + " " + header(t, bye, "Route"); got != "sip:"+proxy.addr+" <"+p.contact+">" {
				t.Errorf("BYE %s", got)
			}
		})
	})
}

func TestINFOsOutOfOrderAreServedInOrder(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		p.calls()
		var texts []string
		for range 5 {
			p.cseq++
			texts = append(texts, p.text("INFO", p.newBranch(), "Signal=5\r\nDuration=160", "Content-Type: application/dtmf-relay"))
		}
		for _, i := range []int{1, 0, 4, 3, 2} {
			p.raw(texts[i])
		}
		var order []string
		for range 5 {
			res := p.gets(time.Second).Message.(*sipgo.Response)
			order = append(order, fmt.Sprint(res.CSeq().SeqNo-1, ":", res.StatusCode))
		}
		if got := strings.Join(order, " "); got != "1:200 2:200 3:200 4:200 5:200" {
			t.Errorf("served %s", got)
		}
		p.hangsUp()
	})
}

func TestCSeqThatSkipsIsServedAndOneThatGoesBackIsNot(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		p.calls()
		p.cseq += 10
		p.sends("OPTIONS", "")
		p.wants(200)
		p.cseq -= 5
		p.sends("OPTIONS", "")
		p.wants(500)
		p.cseq += 20
		p.hangsUp()
	})
}

func TestINFO(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		p.calls()
		p.sends("INFO", "")
		p.wants(200)
		p.sends("INFO", "7", "Content-Type: application/dtmf")
		p.wants(200)
		p.sends("INFO", "Signal= 11\r\nDuration= 160\r\n", "Content-Type: application/dtmf-relay; charset=x")
		p.wants(200)
		p.sends("INFO", "Signal=horse", "Content-Type: application/dtmf-relay")
		p.wants(400)
		p.sends("INFO", "<x/>", "Content-Type: application/media_control+xml")
		wantHeader(t, p.wants(415), "Accept", acceptedInfo)
		p.hangsUp()
	})
}

func TestSessionTimerIsAgreed(t *testing.T) {
	tests := []struct {
		name    string
		headers []string
		want    string // Session-Expires of the 200; empty: none
		require bool
	}{
		{"unknown to the peer", nil, "", false},
		{"known, not asked for", []string{"Supported: timer"}, "1800;refresher=uas", false},
		{"asked for", []string{"Supported: timer", "Session-Expires: 600"}, "600;refresher=uac", true},
		{"peer wants us", []string{"k: 100rel,timer", "x: 600;refresher=uas"}, "600;refresher=uas", false},
		{"peer refreshes", []string{"Supported: timer", "Session-Expires: 600;refresher=uac"}, "600;refresher=uac", true},
		{"longer than ours", []string{"Supported: timer", "Session-Expires: 7200;refresher=uac"}, "1800;refresher=uac", true},
		{"longer, and may not be shortened", []string{"Supported: timer", "Session-Expires: 7200;refresher=uac", "Min-SE: 3600"}, "3600;refresher=uac", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, nil, func(w *world) {
				p := w.phone()
				p.invites(pcmaSDP, test.headers...)
				res := p.wants(200)
				got := ""
				if h := res.GetHeader("session-expires"); h != nil {
					got = h.Value()
				}
				if got != test.want || listed(res, "timer", "require") != test.require {
					t.Errorf("Session-Expires %q, Require: timer %v", got, listed(res, "timer", "require"))
				}
				p.acks("")
				w.taken()
				p.hangsUp()
			})
		})
	}
}

func TestSessionIntervalTooSmall(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		wantHeader(t, p.refused(422, pcmaSDP, "Supported: timer", "Session-Expires: 30"), "Min-SE", "90")
		p.toTag = ""
		p.refused(400, pcmaSDP, "Supported: timer", "Session-Expires: soon")
		p.invites(pcmaSDP, "Session-Expires: 30") // a proxy's wish; 422 only to who knows it
		p.wants(200)
		p.acks("")
		w.taken()
		p.hangsUp()
	})
}

func TestWeRefreshTheSession(t *testing.T) {
	t.Run("by UPDATE", func(t *testing.T) {
		inWorld(t, nil, func(w *world) {
			p := w.phone()
			p.calls("Supported: timer", "Session-Expires: 600;refresher=uas", "Allow: INVITE, UPDATE")
			for range 3 {
				p.wantsNothing(299 * time.Second)
				update := p.wantsRequest("UPDATE", 2*time.Second, 200, "Session-Expires: 600;refresher=uac")
				wantHeader(t, update, "Session-Expires", "600;refresher=uac")
				if len(update.Body()) != 0 {
					t.Error("UPDATE with a body")
				}
			}
			p.hangsUp()
		})
	})
	t.Run("by re-INVITE with the same description", func(t *testing.T) {
		inWorld(t, nil, func(w *world) {
			p := w.phone()
			p.invites(pcmaSDP, "Supported: timer", "Session-Expires: 600;refresher=uas")
			sent := string(p.wants(200).Body())
			p.acks("")
			w.taken()
			invite := p.wantsRequest("INVITE", 301*time.Second, 0)
			if string(invite.Body()) != sent {
				t.Errorf("offered\n%s\nafter\n%s", invite.Body(), sent)
			}
			p.answers(invite, 200, pcmaSDP, "Contact: <"+p.contact+">")
			ack := p.wantsRequest("ACK", time.Second, 0)
			if ack.CSeq().SeqNo != invite.CSeq().SeqNo {
				t.Errorf("ACK %d for INVITE %d", ack.CSeq().SeqNo, invite.CSeq().SeqNo)
			}
			p.answers(invite, 200, pcmaSDP, "Contact: <"+p.contact+">") // the ACK got lost
			p.wantsRequest("ACK", time.Second, 0)
			p.hangsUp()
		})
	})
	t.Run("again after glare", func(t *testing.T) {
		inWorld(t, nil, func(w *world) {
			p := w.phone()
			p.calls("Supported: timer", "Session-Expires: 600;refresher=uas", "Allow: INVITE, UPDATE")
			p.wantsRequest("UPDATE", 301*time.Second, 491)
			p.wantsRequest("UPDATE", 2*time.Second, 200)
			p.hangsUp()
		})
	})
	t.Run("with a larger interval after 422", func(t *testing.T) {
		inWorld(t, nil, func(w *world) {
			p := w.phone()
			p.calls("Supported: timer", "Session-Expires: 600;refresher=uas", "Allow: INVITE, UPDATE")
			p.wantsRequest("UPDATE", 301*time.Second, 422, "Min-SE: 900")
			wantHeader(t, p.wantsRequest("UPDATE", 2*time.Second, 200), "Session-Expires", "900;refresher=uac")
			p.hangsUp()
		})
	})
	t.Run("and end the call that the peer has forgotten", func(t *testing.T) {
		inWorld(t, nil, func(w *world) {
			p := w.phone()
			call := p.calls("Supported: timer", "Session-Expires: 600;refresher=uas", "Allow: INVITE, UPDATE")
			p.wantsRequest("UPDATE", 301*time.Second, 481)
			p.wantsRequest("BYE", time.Second, 481)
			wantEnded(t, call, true, "refresh failed")
		})
	})
}

func TestGlareWhileOurReinviteIsOpen(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		p.calls("Supported: timer", "Session-Expires: 600;refresher=uas")
		ours := p.wantsRequest("INVITE", 301*time.Second, 100)
		p.refused(491, pcmaSDP)
		p.answers(ours, 200, pcmaSDP, "Contact: <"+p.contact+">")
		p.wantsRequest("ACK", time.Second, 0)
		p.invites(pcmaSDP)
		p.wants(200)
		p.acks("")
		p.hangsUp()
	})
}

func TestPeerThatDoesNotRefreshIsHungUp(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		call := p.calls("Supported: timer", "Session-Expires: 600;refresher=uac")
		time.Sleep(300 * time.Second)
		p.sends("UPDATE", "", "Supported: timer", "Session-Expires: 600;refresher=uac")
		wantHeader(t, p.wants(200), "Session-Expires", "600;refresher=uac")
		p.wantsNothing(567 * time.Second) // 600 less 32 s (RFC 4028 section 10)
		p.wantsRequest("BYE", 2*time.Second, 200)
		wantEnded(t, call, false, "expired")
	})
}

func TestSilentCall(t *testing.T) {
	silent := func(c *Config, _ *Handler) { c.SilenceTimeout = 20 * time.Second }
	t.Run("is probed, and ended when nobody answers", func(t *testing.T) {
		inWorld(t, silent, func(w *world) {
			p := w.phone()
			call := p.calls()
			p.wantsNothing(19 * time.Second)
			p.wantsRequest("OPTIONS", 2*time.Second, 481)
			bye := p.wantsRequest("BYE", time.Second, 200)
			if reason := header(t, bye, "Reason"); !strings.Contains(reason, "no RTP and no RTCP") {
				t.Errorf("Reason: %s", reason)
			}
			wantEnded(t, call, false, "no answer to a probe")
		})
	})
	t.Run("that answers is ended after some probes", func(t *testing.T) {
		inWorld(t, silent, func(w *world) {
			p := w.phone()
			call := p.calls()
			for range mostProbes {
				p.wantsRequest("OPTIONS", 21*time.Second, 200)
			}
			p.wantsRequest("BYE", 21*time.Second, 200)
			wantEnded(t, call, false, "no RTP and no RTCP for 1m20s")
		})
	})
	t.Run("is probed by an UPDATE where that is taken", func(t *testing.T) {
		inWorld(t, silent, func(w *world) {
			p := w.phone()
			p.invites(pcmaSDP, "Allow: INVITE, UPDATE")
			p.wants(200)
			p.acks("")
			call := w.taken()
			for range mostProbes {
				p.wantsRequest("UPDATE", 21*time.Second, 200)
			}
			p.wantsRequest("BYE", 21*time.Second, 200)
			wantEnded(t, call, false, "no RTP and no RTCP for 1m20s")
		})
	})
	t.Run("on hold is left alone", func(t *testing.T) {
		inWorld(t, silent, func(w *world) {
			p := w.phone()
			p.calls()
			p.sends("UPDATE", described("inactive", "127.0.0.1", 40000, 2))
			p.wants(200)
			p.wantsNothing(5 * time.Minute)
			p.hangsUp()
		})
	})
}

func TestReliableProvisionalRequired(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		p.invites(pcmaSDP, "Require: 100rel")
		for {
			res := p.gets(time.Second).Message.(*sipgo.Response)
			if res.StatusCode == 180 {
				t.Error("an unreliable 180 to a peer that requires reliable ones")
			}
			if res.StatusCode == 200 {
				p.toTag, _ = res.To().Params.Get("tag")
				break
			}
		}
		p.acks("")
		w.taken()
		p.hangsUp()
	})
}

func TestNoMediaPorts(t *testing.T) {
	inWorld(t, func(c *Config, h *Handler) {
		*h = func(ctx context.Context, call *Call) {
			if err := call.Answer(ctx); err == nil {
				t.Error("answered without a leg")
			}
		}
		c.Media = brokenMedia{}
	}, func(w *world) {
		p := w.phone()
		p.refused(503, pcmaSDP)
	})
}
