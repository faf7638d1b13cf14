package sip

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// sessionTimer is RFC 4028's state, as plain data. Its zero value: the session
// has no timer.
type sessionTimer struct {
	Interval  time.Duration // Session-Expires as agreed; 0: none
	MinSE     time.Duration // the largest Min-SE that anybody asked for
	Ours      bool          // we refresh; else the peer does
	PeerKnows bool          // the peer supports the extension
	RefreshAt time.Time     // when we refresh; zero when the peer does
	ExpireAt  time.Time     // when the call ends for want of a refresh
}

// wantedTimer is the timer that answering this INVITE will agree on (section
// 9), or 422 when the interval that it asks for is too small.
func (u *UA) wantedTimer(req *sipgo.Request) (sessionTimer, error) {
	t := sessionTimer{PeerKnows: listed(req, "timer", "supported", "k", "require"), MinSE: u.config.MinSE}
	asked, refresher, err := sessionExpires(req)
	if err != nil {
		return t, refuse(sipgo.StatusBadRequest, "Unreadable Session-Expires")
	}
	if h := req.GetHeader("min-se"); h != nil {
		seconds, _, _ := strings.Cut(h.Value(), ";")
		n, err := strconv.ParseUint(strings.TrimSpace(seconds), 10, 31)
		if err != nil {
			return t, refuse(sipgo.StatusBadRequest, "Unreadable Min-SE")
		}
		t.MinSE = max(t.MinSE, time.Duration(n)*time.Second)
	}
	if asked > 0 && asked < u.config.MinSE && t.PeerKnows {
		return t, refuse(422, "Session Interval Too Small", "Min-SE", seconds(u.config.MinSE))
	}
	t.Interval = max(u.config.SessionExpires, t.MinSE)
	if asked > 0 {
		// It may be shortened, but not below anybody's Min-SE.
		t.Interval = max(min(asked, u.config.SessionExpires), t.MinSE)
	}
	switch {
	case !t.PeerKnows:
		t.Ours = true // table 2: who does not know timers cannot refresh
	case refresher != "":
		t.Ours = refresher == "uas"
	default:
		// Nobody has said; who asked for the timer refreshes.
		t.Ours = asked == 0
	}
	return t, nil
}

// sessionExpires reads Session-Expires (section 4); zero without one.
func sessionExpires(msg sipgo.Message) (interval time.Duration, refresher string, err error) {
	headers := append(msg.GetHeaders("session-expires"), msg.GetHeaders("x")...)
	if len(headers) == 0 {
		return 0, "", nil
	}
	value, params, _ := strings.Cut(headers[0].Value(), ";")
	n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 31)
	if err != nil || n == 0 {
		return 0, "", fmt.Errorf("session-expires %q", headers[0].Value())
	}
	for _, param := range strings.Split(params, ";") {
		name, value, _ := strings.Cut(param, "=")
		if strings.EqualFold(strings.TrimSpace(name), "refresher") {
			refresher = strings.ToLower(strings.TrimSpace(value))
		}
	}
	if refresher != "" && refresher != "uac" && refresher != "uas" {
		return 0, "", fmt.Errorf("session-expires refresher %q", refresher)
	}
	return time.Duration(n) * time.Second, refresher, nil
}

// answer puts the timer into a 2xx of ours. There refresher counts by roles of
// that very transaction: we are its UAS.
func (t *sessionTimer) answer(res *sipgo.Response) {
	if t.Interval == 0 {
		return
	}
	refresher := "uac"
	if t.Ours {
		refresher = "uas"
	}
	if !t.PeerKnows {
		return // it would not understand; we refresh on our own
	}
	res.AppendHeader(sipgo.NewHeader("Session-Expires", seconds(t.Interval)+";refresher="+refresher))
	if !t.Ours {
		res.AppendHeader(sipgo.NewHeader("Require", "timer")) // section 9
	}
}

// start (re)starts the timer: each 2xx to an INVITE or UPDATE refreshes the
// session. We refresh at half time; a peer that does not is given up a little
// before the end (section 10).
func (t *sessionTimer) start(now time.Time) {
	t.RefreshAt, t.ExpireAt = time.Time{}, time.Time{}
	if t.Interval == 0 {
		return
	}
	t.ExpireAt = now.Add(t.Interval - min(32*time.Second, t.Interval/3))
	if t.Ours {
		t.RefreshAt = now.Add(t.Interval / 2)
	}
}

// changeTimer takes over what a re-INVITE or UPDATE of the peer asks for, once
// that is accepted: a refused one refreshes nothing.
func (c *Call) changeTimer(timer sessionTimer) {
	c.Timer = timer
	if c.Phase == confirmed {
		c.Timer.start(time.Now())
	}
}

// expireSession refreshes the session when that is ours to do, and ends it
// when nobody has.
func (c *Call) expireSession(now time.Time) {
	t := &c.Timer
	if !t.ExpireAt.IsZero() && !now.Before(t.ExpireAt) {
		c.log.Info("session expired without a refresh: hanging up", "interval", t.Interval)
		c.leave(Ending{Reason: "session expired"})
		c.sendBye("SIP;cause=408;text=\"Session Expired\"")
		return
	}
	if !t.RefreshAt.IsZero() && !now.Before(t.RefreshAt) {
		t.RefreshAt = time.Time{}
		if c.asked > 0 || c.unacked != nil {
			t.RefreshAt = now.Add(time.Second)
			return
		}
		c.refresh()
	}
}

// refresh sends an UPDATE without SDP to a peer that allows it, else a
// re-INVITE with the description that is in force.
func (c *Call) refresh() {
	method := sipgo.INVITE
	if c.PeerUpdates {
		method = sipgo.UPDATE
	}
	req, err := c.refreshing(method)
	if err != nil {
		c.log.Warn("the session cannot be refreshed", "err", err)
		return
	}
	if method == sipgo.INVITE {
		contentType := sipgo.ContentTypeHeader("application/sdp")
		req.AppendHeader(&contentType)
		req.SetBody(c.Sent)
	}
	c.ask(toRefresh, req)
}

// refreshing is a request that refreshes the session, without a description.
func (c *Call) refreshing(method sipgo.RequestMethod) (*sipgo.Request, error) {
	req, err := c.Dialog.request(method)
	if err != nil {
		return nil, err
	}
	req.AppendHeader(c.Dialog.contact())
	for _, h := range capabilities() {
		req.AppendHeader(h)
	}
	if c.Timer.PeerKnows {
		refresher := "uac" // of this transaction: we
		if !c.Timer.Ours {
			refresher = "uas"
		}
		req.AppendHeader(sipgo.NewHeader("Session-Expires", seconds(c.Timer.Interval)+";refresher="+refresher))
		req.AppendHeader(sipgo.NewHeader("Min-SE", seconds(c.Timer.MinSE)))
	}
	return req, nil
}

// refreshAnswered goes on as section 10 says: 481 and silence end the call,
// 491 and 422 are tried again, anything else leaves it until it expires.
func (c *Call) refreshAnswered(method sipgo.RequestMethod, res *sipgo.Response, err error) {
	now := time.Now()
	switch {
	case err == nil && res.IsSuccess():
		c.Dialog.refreshTarget(res.Contact()) // before the ACK, which goes there (12.2.1.2)
		if method == sipgo.INVITE {
			c.acknowledge(res.CSeq().SeqNo)
		}
		c.refreshTaken(method, res, now)
	case c.Phase != confirmed:
	case err == nil && res.StatusCode == sipgo.StatusRequestPending:
		c.Timer.RefreshAt = now.Add(c.Dialog.glarePause())
	case err == nil && res.StatusCode == 422 && c.raiseInterval(res):
		c.Timer.RefreshAt = now
	case err == nil && method == sipgo.UPDATE && (res.StatusCode == 405 || res.StatusCode == 501):
		c.PeerUpdates = false // whatever its Allow says
		c.Timer.RefreshAt = now
	case err != nil || res.StatusCode == 481 || res.StatusCode == 408:
		c.log.Info("the peer does not know this call any more: hanging up", "err", err)
		c.leave(Ending{ByPeer: true, Reason: "session refresh failed"})
		c.sendBye("SIP;cause=408;text=\"Session Refresh Failed\"")
	default:
		if res.StatusCode == sipgo.StatusUnauthorized || res.StatusCode == sipgo.StatusProxyAuthRequired {
			c.warnOfChallenge(method)
		}
		c.Timer.RefreshAt = now.Add(max(c.Timer.ExpireAt.Sub(now)/2, 5*time.Second))
	}
}

// glarePause is how long to wait after a 491: the owner of the Call-ID from 2.1
// to 4 s, the other side up to 2 s (RFC 3261 section 14.1).
func (d *Dialog) glarePause() time.Duration {
	if d.Caller {
		return 2100*time.Millisecond + rand.N(1900*time.Millisecond)
	}
	return 10*time.Millisecond + rand.N(1990*time.Millisecond)
}

// raiseInterval obeys the Min-SE of a 422; false when it asks for nothing new.
func (c *Call) raiseInterval(res *sipgo.Response) bool {
	h := res.GetHeader("min-se")
	if h == nil {
		return false
	}
	n, err := strconv.ParseUint(strings.TrimSpace(h.Value()), 10, 31)
	if asked := time.Duration(n) * time.Second; err == nil && asked > c.Timer.Interval {
		c.Timer.MinSE, c.Timer.Interval = asked, asked
		return true
	}
	return false
}

func (c *Call) refreshTaken(method sipgo.RequestMethod, res *sipgo.Response, now time.Time) {
	if c.Phase != confirmed {
		return
	}
	if method == sipgo.INVITE {
		if err := c.acceptAnswer(res); err != nil {
			c.log.Warn("the answer to a session refresh cannot be used", "err", err)
		}
	}
	if interval, refresher, err := sessionExpires(res); err == nil && interval > 0 {
		c.Timer.Interval = interval
		c.Timer.Ours = refresher != "uas" // we are the UAC of this transaction
	}
	c.Timer.start(now)
}

func seconds(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }
