package sip

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// notices is what the program has to tell, in these stories: of each resource a
// text.
type notices struct {
	w *world

	mu    sync.Mutex
	texts map[string]string
	asked int  // how many documents were made
	slow  bool // to make one takes three seconds
	fails bool // and brings a panic
}

// inNewsroom is inWorld with the packages conference, for rooms that are there,
// and dialog, for all that are asked for.
func inNewsroom(t *testing.T, story func(w *world, n *notices)) {
	t.Helper()
	n := &notices{texts: map[string]string{"room 5234": "one"}}
	find := func(any bool) func(Subscriber) (string, bool) {
		return func(s Subscriber) (string, bool) {
			n.mu.Lock()
			defer n.mu.Unlock()
			resource := "room " + s.Number
			_, there := n.texts[resource]
			return resource, there || any
		}
	}
	inWorld(t, func(c *Config, _ *Handler) {
		c.Packages = []Package{
			{Event: "conference", Type: "application/conference-info+xml", Find: find(false), Document: n.document},
			{Event: "dialog", Type: "application/dialog-info+xml", Find: find(true), Document: n.document, Lasting: true},
		}
	}, func(w *world) {
		n.w = w
		story(w, n)
		w.wantNoSubscriptions()
	})
}

func (n *notices) document(q Inquiry) ([]byte, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked++
	if n.fails {
		panic("cannot be written")
	}
	if n.slow {
		time.Sleep(3 * time.Second)
	}
	text, there := n.texts[q.Resource]
	return fmt.Appendf(nil, "%s version %d of %s", text, q.Version, q.Focus), there
}

// changes says something new of room 5234.
func (n *notices) changes(text string) {
	n.mu.Lock()
	n.texts["room 5234"] = text
	n.mu.Unlock()
	n.w.ua.Changed("conference", "room 5234")
}

// wantNoSubscriptions: nothing is left of any.
func (w *world) wantNoSubscriptions() {
	w.t.Helper()
	synctest.Wait()
	l := &w.ua.subscriptions
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.all)+len(l.byDialog)+len(l.byTopic)+len(l.bySource) > 0 {
		w.t.Errorf("left: %d subscriptions, in %d dialogs, to %d topics, from %d sources", len(l.all), len(l.byDialog), len(l.byTopic), len(l.bySource))
	}
}

// subscribes sends a SUBSCRIBE, for as long as it says; it is accepted.
func (p *phone) subscribes(event, expires string, headers ...string) *sipgo.Response {
	p.w.t.Helper()
	p.sends("SUBSCRIBE", "", append(headers, "Event: "+event, "Expires: "+expires)...)
	res := p.wants(200)
	wantHeader(p.w.t, res, "Expires", expires)
	wantHeader(p.w.t, res, "Contact", "<sip:5234@127.0.0.1:5060>;isfocus")
	wantHeader(p.w.t, res, "Allow-Events", allowEvents)
	tag, _ := res.To().Params.Get("tag")
	if p.toTag == "" {
		p.toTag = tag
	}
	if tag != p.toTag {
		p.w.t.Errorf("To tag %q in the dialog of %q", tag, p.toTag)
	}
	return res
}

// wantsNOTIFY gets one within a time, with this Subscription-State and body, and answers it.
func (p *phone) wantsNOTIFY(within time.Duration, state, body string, status int, headers ...string) *sipgo.Request {
	p.w.t.Helper()
	req := p.wantsRequest("NOTIFY", within, status, headers...)
	wantHeader(p.w.t, req, "Subscription-State", state)
	if got := string(req.Body()); got != body {
		p.w.t.Errorf("told %q, want %q", got, body)
	}
	to, _ := req.To().Params.Get("tag")
	from, _ := req.From().Params.Get("tag")
	if to != p.fromTag || from != p.toTag || req.CallID().Value() != p.callID {
		p.w.t.Errorf("it is in another dialog:\n%s", req)
	}
	return req
}

// now is as long as something takes that takes no time.
const now = time.Millisecond

const focusURI = "sip:5234@127.0.0.1:5060"
