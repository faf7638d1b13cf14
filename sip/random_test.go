package sip

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
	"github.com/sipconf/sipconf/media"
)

// affair is an attempt whose peers do what comes into their heads: phones
// behind a proxy that ring, answer, refuse, fall silent and hang up, in any
// order and at any moment, while the attempt is given up or is not.
type affair struct {
	t      *testing.T
	w      *world
	rand   *rand.Rand
	legs   *watched
	a      *Attempt
	proxy  *phone
	forks  []*forked
	late   []*forked      // who have answered an INVITE before this one
	invite *sipgo.Request // the last one
	said   []string       // what has happened, for the report

	provisional, final bool // what the INVITE has had
	handovers          bool // other user agents take over
}

// forked is one of the phones.
type forked struct {
	*callee
	rseq               int
	got                map[string]bool // requests of ours, by their branches
	last               uint32          // the highest number of a request of ours in its dialog
	accepted           bool            // it has sent a 200
	acked, ended, deaf bool            // deaf: to PRACKs
}

// TestAnythingMayHappen: whatever peers do, each 200 gets its ACK, each dialog
// but that of the call its BYE, no CANCEL goes before a provisional response,
// numbers rise, and nothing is left in the end.
func TestAnythingMayHappen(t *testing.T) { anythingMayHappen(t, 300, false) }

// TestAnythingMayHappenDuringHandovers: and that while one user agent after the other takes over.
func TestAnythingMayHappenDuringHandovers(t *testing.T) { anythingMayHappen(t, 300, true) }

func anythingMayHappen(t *testing.T, seeds uint64, handovers bool) {
	for seed := range seeds {
		legs := &watched{}
		inWorld(t, func(c *Config, _ *Handler) { c.Media = legs }, func(w *world) {
			x := &affair{t: t, w: w, rand: rand.New(rand.NewPCG(seed, 1)), legs: legs, handovers: handovers}
			defer func() {
				if t.Failed() {
					t.Logf("seed %d:\n%s", seed, strings.Join(x.said, "\n"))
				}
			}()
			x.run()
		})
		if t.Failed() {
			return
		}
	}
}

func (x *affair) run() {
	x.proxy = x.w.phone()
	x.a = x.w.dials(x.proxy, alice)
	synctest.Wait()
	x.reads()
	for range 3 + x.rand.IntN(12) {
		x.happens()
		if x.handovers && x.rand.IntN(3) == 0 {
			x.handsOver()
		}
		if x.rand.IntN(3) > 0 { // else several at once
			synctest.Wait()
			x.reads()
		}
	}
	x.does("the caller has had enough")
	x.a.Cancel(AnsweredElsewhere)
	for range 200 {
		time.Sleep(time.Second)
		x.reads()
	}
	x.check()
}

// handsOver has another user agent go on with the attempt.
func (x *affair) handsOver() {
	x.does("another one takes over")
	open := make(map[netip.AddrPort]bool)
	for _, conn := range x.legs.conns {
		open[conn.addr] = !conn.closed.Load()
	}
	x.legs.conns = nil
	x.w.handsOver(func(c *Config) {
		c.Legs = func(local netip.AddrPort) *media.Leg {
			if !open[local] {
				return nil
			}
			conn := &watchedConn{noConn: noConn{local}}
			x.legs.conns = append(x.legs.conns, conn)
			return media.NewLeg(media.LegConfig{}, conn)
		}
	})
	for _, c := range x.w.ua.restored {
		if c.ID() == x.a.ID() {
			x.a = c.attempt
		}
	}
}

// happens is one thing.
func (x *affair) happens() {
	f := x.someone()
	switch x.rand.IntN(16) {
	case 0:
		x.provisional = true
		x.does("100")
		f.says(100, "")
	case 1, 2:
		x.provisional = true
		x.does("%s: 180", f.tag)
		f.says(180, "")
	case 3:
		x.provisional = true
		x.does("%s: 183 with SDP", f.tag)
		f.says(183, pcmaSDP)
	case 4, 5:
		x.provisional = true
		f.rseq++
		x.does("%s: 180 reliably, %d", f.tag, f.rseq)
		f.ringsReliably(180, f.rseq, []string{"", pcmaSDP, srtpSDP}[x.rand.IntN(3)])
	case 6, 7, 8:
		if x.final && x.rand.IntN(4) > 0 {
			return
		}
		x.final, f.accepted = true, true
		body := []string{pcmaSDP, pcmaSDP, "", srtpSDP}[x.rand.IntN(4)]
		x.does("%s: 200 with %d bytes", f.tag, len(body))
		f.says(200, body)
	case 9:
		if !x.final {
			x.refuses([]int{302, 420, 422, 486, 491, 503, 600}[x.rand.IntN(7)], "Min-SE: 3600", "Unsupported: 100rel")
		}
	case 10:
		if !x.final {
			x.refuses(401, fmt.Sprintf(`WWW-Authenticate: Digest realm="pbx", nonce="n%d", qop="auth"`, x.rand.IntN(3)))
		}
	case 11:
		method := []string{"OPTIONS", "UPDATE", "INFO", "BYE"}[x.rand.IntN(4)]
		if method == "BYE" && !f.acked {
			return // section 15; and whether it counts depends on what is served first
		}
		x.does("%s: %s", f.tag, method)
		f.sends(method, "")
		f.ended = f.ended || method == "BYE"
	case 12:
		x.does("Cancel")
		x.a.Cancel("")
	case 13:
		x.does("Hangup")
		x.a.Call().Hangup("enough")
	case 14:
		x.does("time passes")
		time.Sleep(time.Duration(x.rand.IntN(5000)) * time.Millisecond)
	case 15:
		f.deaf = true // from now on it answers no PRACK
	}
}

func (x *affair) does(what string, args ...any) { x.said = append(x.said, fmt.Sprintf(what, args...)) }

// someone is one of up to three phones, perhaps a new one.
func (x *affair) someone() *forked {
	n := x.rand.IntN(3)
	for len(x.forks) <= n {
		x.forks = append(x.forks, &forked{callee: x.w.phone().callee(x.invite, fmt.Sprint("fork", len(x.forks)))})
	}
	return x.forks[n]
}

func (x *affair) refuses(status int, headers ...string) {
	x.final = true
	x.does("%d", status)
	c := &callee{phone: x.proxy, invite: x.invite, tag: "proxy"}
	c.says(status, "", headers...)
}

// reads takes what we have sent, and answers it.
func (x *affair) reads() {
	for _, f := range append(x.forks, x.late...) {
		for m := f.gets(time.Millisecond); m != nil; m = f.gets(time.Millisecond) {
			if req, ok := m.Message.(*sipgo.Request); ok {
				x.serves(f, req)
			}
		}
	}
	for m := x.proxy.gets(time.Millisecond); m != nil; m = x.proxy.gets(time.Millisecond) {
		req, ok := m.Message.(*sipgo.Request)
		if !ok {
			continue
		}
		x.does("- %s %d", req.Method, req.CSeq().SeqNo)
		switch req.Method {
		case sipgo.INVITE:
			if x.invite == nil || branchOf(x.invite) != branchOf(req) {
				x.begins(req)
			}
		case sipgo.CANCEL:
			if branchOf(req) == branchOf(x.invite) && !x.provisional {
				x.t.Error("CANCEL before a provisional response (9.1)")
			}
			x.proxy.answers(req, 200, "")
			if !x.final && branchOf(req) == branchOf(x.invite) && x.rand.IntN(4) > 0 {
				x.refuses(487)
			}
		}
	}
}

// begins is a new INVITE: those who have rung for the last one do so no more,
// and those who have answered it are to be ended.
func (x *affair) begins(invite *sipgo.Request) {
	if x.invite != nil && invite.CSeq().SeqNo <= x.invite.CSeq().SeqNo {
		x.t.Errorf("INVITE %d after %d", invite.CSeq().SeqNo, x.invite.CSeq().SeqNo)
	}
	x.invite, x.provisional, x.final = invite, false, false
	for i, f := range x.forks {
		if f.accepted { // too late
			x.late = append(x.late, f)
			x.forks[i] = &forked{callee: x.w.phone().callee(invite, f.tag+"'")}
			continue
		}
		if f.last >= invite.CSeq().SeqNo {
			x.t.Errorf("INVITE %d after %d", invite.CSeq().SeqNo, f.last)
		}
		x.forks[i] = &forked{callee: f.phone.callee(invite, f.tag)}
	}
}

// serves is a phone that gets a request of ours in its dialog.
func (x *affair) serves(f *forked, req *sipgo.Request) {
	x.does("- %s %d to %s", req.Method, req.CSeq().SeqNo, f.tag)
	if tag, _ := req.To().Params.Get("tag"); tag != f.tag {
		x.t.Errorf("%s for %s has come to %s", req.Method, tag, f.tag)
	}
	if req.Method == sipgo.ACK {
		if !f.accepted {
			x.t.Errorf("an ACK for %s, which has not answered", f.tag)
		}
		f.acked = true
		return
	}
	if req.Method == sipgo.PRACK && !strings.HasSuffix(header(x.t, req, "RAck"), fmt.Sprintf(" %d INVITE", f.invite.CSeq().SeqNo)) {
		return // of the last INVITE, sent again
	}
	if req.Method == sipgo.PRACK && f.ended {
		return // the BYE behind it was faster
	}
	n := req.CSeq().SeqNo
	if (n <= f.last || n <= f.invite.CSeq().SeqNo) && !f.got[branchOf(req)] { // else it is sent again
		x.t.Errorf("%s %d to %s after %d", req.Method, n, f.tag, f.last)
	}
	f.last = max(f.last, n)
	if f.got == nil {
		f.got = map[string]bool{}
	}
	f.got[branchOf(req)] = true
	switch req.Method {
	case sipgo.PRACK:
		if f.deaf {
			return
		}
	case sipgo.BYE:
		if !f.acked {
			x.t.Errorf("BYE before ACK to %s", f.tag)
		}
		f.ended = true
	}
	f.answers(req, 200, "")
}

// check is when all is over.
func (x *affair) check() {
	select {
	case <-x.a.Done():
	default:
		x.t.Error("the attempt is not decided")
	}
	select {
	case <-x.a.Call().Done():
	default:
		x.t.Error("the call is not over")
	}
	for _, f := range append(x.forks, x.late...) {
		if f.accepted && (!f.acked || !f.ended) {
			x.t.Errorf("%s has answered: acknowledged %v, ended %v", f.tag, f.acked, f.ended)
		}
	}
	x.legs.wantClosed(x.t, true)
	u := x.w.ua
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.all)+len(u.calls)+len(u.outgoing)+len(u.late)+len(u.watches) != 0 {
		x.t.Errorf("left: %d calls, %d dialogs, %d INVITEs, %d aftermaths, %d watches", len(u.all), len(u.calls), len(u.outgoing), len(u.late), len(u.watches))
	}
}
