package sip

import (
	"cmp"
	"slices"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// sipgo's transaction repeats our answer when a request comes again, because the
// answer was lost. In another process it has no such transaction: there the
// answer itself goes over, and to a duplicate nothing happens but that.

// answeredOfLate is how long ago an answer may have been given that goes over. A
// duplicate comes after 0.5, 1.5, 3.5 and 7.5 s (RFC 3261 section 17.1.2.2); who
// has waited for longer does not do so for the lack of one answer; and 481, which
// is what a BYE gets then, ends his call as well (section 15.1.1).
const answeredOfLate = 10 * time.Second

// answer sends a response in its transaction. A final one is remembered for as
// long as that lives.
func (u *UA) answer(tx *sipgo.ServerTx, res *sipgo.Response) error {
	err := tx.Respond(res)
	if !res.IsProvisional() {
		for _, e := range u.endpoints {
			e.coming.said(tx, res)
		}
	}
	return err
}

// said keeps the final answer of a transaction.
func (c *coming) said(tx *sipgo.ServerTx, res *sipgo.Response) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.known[tx.Key()]; t != nil && t.tx == tx {
		t.said, t.at = res, time.Now()
	}
}

// save writes down what was answered of late.
func (c *coming) save(endpoint string) (ims []AnswerImage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, t := range c.known {
		if t.said != nil && time.Since(t.at) < answeredOfLate {
			ims = append(ims, AnswerImage{answerKey{endpoint, key}, t.said.String(), t.at.Add(64 * t1)})
		}
	}
	return ims
}

// saveAnswers writes down the answers of this process and of those before.
func (u *UA) saveAnswers() (ims []AnswerImage) {
	for _, e := range u.endpoints {
		ims = append(ims, e.coming.save(e.listener.Name)...)
	}
	for _, im := range u.before {
		if time.Now().Before(im.Until) {
			ims = append(ims, im)
		}
	}
	slices.SortFunc(ims, func(a, b AnswerImage) int {
		return cmp.Or(cmp.Compare(a.Of.Endpoint, b.Of.Endpoint), cmp.Compare(a.Of.Transaction, b.Of.Transaction))
	})
	return ims
}

// restoreAnswers takes them over.
func (u *UA) restoreAnswers(ims []AnswerImage) {
	u.before = make(map[answerKey]AnswerImage, len(ims))
	for _, im := range ims {
		u.before[im.Of] = im
	}
}

// repeats answers a request as the process before has; false: that has not. What was restored is only read, and so needs no lock.
func (u *UA) repeats(e *endpoint, req *sipgo.Request, tx *sipgo.ServerTx) bool {
	im, ok := u.before[answerKey{e.listener.Name, tx.Key()}]
	if !ok || req.IsAck() || time.Now().After(im.Until) {
		return false
	}
	msg, err := messages.ParseSIP([]byte(im.Text))
	if err != nil {
		return false
	}
	res, ok := msg.(*sipgo.Response)
	if !ok {
		return false
	}
	res.SetTransport(req.Transport())
	res.SetDestination(req.Source())
	tx.Respond(res)
	return true
}
