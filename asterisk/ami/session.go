package ami

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// banner is how Asterisk begins.
const banner = "Asterisk Call Manager/"

// session is one connection. Its zero value is of no use; newSession makes one, close ends it.
type session struct {
	conn net.Conn
	in   *reader
	keep func(event Message) // takes each event of the class user; does not wait
	read sync.WaitGroup      // the goroutine that reads

	ended chan struct{} // closed when nothing comes or goes any more

	mu      sync.Mutex
	err     error                   // why it has ended
	asked   uint64                  // actions so far
	pending map[string]chan Message // who waits for a response, by the ActionID
}

// newSession begins to read. close ends that.
func newSession(conn net.Conn, keep func(Message)) *session {
	s := &session{conn: conn, in: newReader(conn), keep: keep, ended: make(chan struct{}), pending: make(map[string]chan Message)}
	s.read.Go(s.receive) // ends when the connection is closed
	return s
}

// close ends the session and waits for its goroutine. Safe to call twice.
func (s *session) close() {
	s.fail(net.ErrClosed)
	s.read.Wait()
}

// fail ends the session because of err, unless it has ended before.
func (s *session) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return
	}
	s.err = err
	s.conn.Close()
	close(s.ended)
}

// why is what ended the session.
func (s *session) why() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func (s *session) receive() {
	line, _, err := s.in.line()
	if err == nil && !strings.HasPrefix(line, banner) {
		err = fmt.Errorf("what answers there is no manager of Asterisk: it says %.40q; is this the port of manager.conf?", line)
	}
	for err == nil {
		var m Message
		if m, err = s.in.read(); err == nil {
			s.take(m)
		}
	}
	s.fail(explainEnd(err))
}

// take does what a message is for.
func (s *session) take(m Message) {
	if m.is("Event") {
		if strings.EqualFold(m[0].Value, "UserEvent") {
			s.keep(m)
		}
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	id := m.Value("ActionID")
	if waiting, ok := s.pending[id]; ok && m.is("Response") {
		delete(s.pending, id)
		waiting <- m // there is room for it
	}
}

// ask sends an action and waits for its response. Without one after answerTime the session is over: Asterisk answers at once or
// is gone.
func (s *session) ask(ctx context.Context, action Message) (Message, error) {
	id, response := s.expect()
	defer s.forget(id)
	b, err := append(action, Header{"ActionID", id}).wire()
	if err != nil {
		return nil, err
	}
	late := time.NewTimer(answerTime)
	defer late.Stop()
	s.conn.SetWriteDeadline(time.Now().Add(answerTime))
	if _, err := s.conn.Write(b); err != nil {
		s.fail(err)
		return nil, s.why()
	}
	select {
	case m := <-response:
		return m, nil
	case <-late.C:
		s.fail(fmt.Errorf("no response in %v", answerTime))
	case <-s.ended:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return nil, s.why()
}

func (s *session) expect() (id string, response chan Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	id, response = strconv.FormatUint(s.asked, 10), make(chan Message, 1)
	s.pending[id] = response
	return id, response
}

func (s *session) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pending, id)
}

// login says who we are, that we want events of the class user and no others, and looks whether we may redirect.
func (s *session) login(ctx context.Context, username, secret string) error {
	r, err := s.ask(ctx, Message{{"Action", "Challenge"}, {"AuthType", "MD5"}})
	if err != nil {
		return err
	}
	key := md5.Sum([]byte(r.Value("Challenge") + secret))
	r, err = s.ask(ctx, Message{{"Action", "Login"}, {"AuthType", "MD5"}, {"Username", username}, {"Key", hex.EncodeToString(key[:])}, {"Events", "user"}})
	switch {
	case err != nil:
		return err
	case !granted(r):
		return &refusal{fmt.Sprintf("Asterisk refuses the login of %s (%s): is there a section [%s] in manager.conf, with this secret, and a permit= for "+
			"our address? Then: asterisk -rx \"manager reload\"", username, r.Value("Message"), username)}
	}
	// It lists what the account may do, and no account may do less.
	r, err = s.ask(ctx, Message{{"Action", "ListCommands"}})
	switch {
	case err != nil:
		return err
	case r.Value("Redirect") == "":
		return &refusal{fmt.Sprintf("the account %s may not redirect calls: write = call is missing in its section of manager.conf", username)}
	}
	return nil
}

// live asks for a sign of life from time to time until the session ends, and returns why.
func (s *session) live(ctx context.Context) error {
	ticker := time.NewTicker(pingEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.ask(ctx, Message{{"Action", "Ping"}}) // who does not answer is gone
		case <-s.ended:
			return s.why()
		}
	}
}

// granted says whether a response says yes.
func granted(response Message) bool {
	return response.is("Response") && strings.EqualFold(response[0].Value, "Success")
}

// refusal is Asterisk's no to an account. Trying again does not help until an operator has done something.
type refusal struct{ text string }

func (r *refusal) Error() string { return r.text }

// explainEnd says why nothing more comes, in words that are the same next time: those of package net have our port in them.
func explainEnd(err error) error {
	var op *net.OpError
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("the connection was closed by Asterisk")
	case errors.As(err, &op):
		return fmt.Errorf("the connection has broken: %w", op.Err)
	}
	return err
}

// explainDial says what an operator can do about an Asterisk that is not reached.
func explainDial(err error) error {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("nothing listens there: does Asterisk run, and does [general] of its manager.conf have enabled = yes, and this port and bindaddr? (%w)", err)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("nobody answers there: is it the right address, and does the firewall let us through? (%w)", err)
	}
	return err
}
