package control

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
)

// ErrNobody is that no server answers at the socket.
var ErrNobody = errors.New("no server answers")

// mostAnswer is how much is read of an answer, in bytes: 30,000 participants.
const mostAnswer = 32 << 20

// askTime is how long a server has for an answer.
const askTime = 10 * time.Second

// Client knocks at the Door of a server.
type Client struct {
	Path string        // of the socket
	Time time.Duration // that the server has for an answer; 0: 10 s
}

// Ask has the server carry out a command, with what it is about, or nil, and reads the answer into answer. The error is a
// *Refusal, or ErrNobody beneath words that say what to do; or what came was no answer.
func (c Client) Ask(ctx context.Context, command Command, about, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(c.Time, askTime))
	defer cancel()
	method, path, _ := strings.Cut(string(command), " ")
	var body io.Reader
	if about != nil {
		text, err := json.Marshal(about)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://sipconf"+path, body)
	if err != nil {
		return err
	}
	way := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", c.Path)
		},
	}
	res, err := (&http.Client{Transport: way}).Do(req)
	if err != nil {
		return c.explain(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, mostAnswer))
	if err != nil {
		return c.explain(err)
	}
	if res.StatusCode != http.StatusOK {
		var no failure
		if json.Unmarshal(text, &no) != nil || no.Error == "" {
			no.Error = fmt.Sprintf("what answers at %s is no sipconf: %s", c.Path, res.Status)
		}
		return &Refusal{res.StatusCode, no.Error}
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("what answers at %s is no sipconf: %w", c.Path, err)
	}
	return nil
}

// explain says what an operator can do about a server that does not answer.
func (c Client) explain(err error) error {
	text := fmt.Sprintf("the server at %s has not answered: %v", c.Path, err)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		text = fmt.Sprintf("no server has the socket %s: is it running? Has it another configuration? Name that with --config, or the socket with --socket", c.Path)
	case errors.Is(err, syscall.ECONNREFUSED):
		text = fmt.Sprintf("no server answers at %s: is it running? The socket is there, so one was, and did not end well", c.Path)
	case errors.Is(err, fs.ErrPermission):
		text = fmt.Sprintf("no permission for %s: it is for root, and the user that the server runs as; try sudo", c.Path)
	case errors.Is(err, context.DeadlineExceeded):
		text = fmt.Sprintf("the server at %s has not answered within %v: its log may say why", c.Path, askTime)
	}
	return &trouble{text, ErrNobody}
}
