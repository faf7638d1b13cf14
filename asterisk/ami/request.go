package ami

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// requestName is what the dialplan calls the event, in UserEvent(ConferenceRequest,...).
const requestName = "ConferenceRequest"

// Request is somebody's wish to go on in a conference with whom he is talking to. Plain data.
type Request struct {
	Channels [2]string // his, on which the keys were pressed, and the other one's
	Room     string    // its number, as the dialplan says
}

// ParseRequest reads the event that asks for a conference. ok is false for another event. With an error it is one, and not to be
// obeyed.
func ParseRequest(event Message) (r Request, ok bool, err error) {
	if !strings.EqualFold(event.Value("UserEvent"), requestName) {
		return Request{}, false, nil
	}
	r = Request{Channels: [2]string{event.Value("Channel1"), event.Value("Channel2")}, Room: event.Value("Room")}
	switch {
	case r.Room == "":
		err = errors.New("it names no room: the caller has no number")
	case !ValidExten(r.Room):
		err = fmt.Errorf("%.80q is no number", r.Room)
	default:
		err = checkChannels(r.Channels)
	}
	return r, true, err
}

// Place is where a channel goes on in the dialplan.
type Place struct {
	Context, Exten string
	Priority       int
}

// Redirect sends both channels to that place at once, so that neither is hung up because the other has gone. The error is also
// what Asterisk says against it, or that there is no such place; the two then talk on as before, unless Asterisk says that the
// second one alone could not go.
func (c *Client) Redirect(ctx context.Context, channels [2]string, to Place) error {
	if err := checkChannels(channels); err != nil {
		return err
	}
	if !ValidContext(to.Context) || !ValidExten(to.Exten) || to.Priority < 1 {
		return fmt.Errorf("%.80q, %.80q, %d is no place in a dialplan", to.Context, to.Exten, to.Priority)
	}
	// A dialplan without this function (func_dialplan) is believed to have the place.
	exists, err := c.Evaluate(ctx, fmt.Sprintf("DIALPLAN_EXISTS(%s,%s,%d)", to.Context, to.Exten, to.Priority))
	switch {
	case err != nil:
		return err
	case exists == "0":
		return fmt.Errorf("the dialplan of this Asterisk has no %s in the context %s, so that both would be hung up: is sipconf/extensions.conf included there, "+
			"and the dialplan reloaded?", to.Exten, to.Context)
	}
	priority := fmt.Sprint(to.Priority)
	r, err := c.Ask(ctx, Message{{"Action", "Redirect"},
		{"Channel", channels[0]}, {"Context", to.Context}, {"Exten", to.Exten}, {"Priority", priority},
		{"ExtraChannel", channels[1]}, {"ExtraContext", to.Context}, {"ExtraExten", to.Exten}, {"ExtraPriority", priority},
	})
	if err == nil && !granted(r) {
		err = fmt.Errorf("the answer is: %.200q", r.Value("Message"))
	}
	return err
}

// Evaluate is the value of a function of the dialplan that belongs to no channel, such as DEVICE_STATE(PJSIP/101). It is empty where
// Asterisk does not have the function.
func (c *Client) Evaluate(ctx context.Context, function string) (string, error) {
	r, err := c.Ask(ctx, Message{{"Action", "Getvar"}, {"Variable", function}})
	if err != nil || !granted(r) {
		return "", err
	}
	return r.Value("Value"), nil
}

func checkChannels(channels [2]string) error {
	for _, name := range channels {
		switch {
		case strings.Contains(name, ","):
			return fmt.Errorf("%.200q are several channels: only a call between two can become a conference", name)
		case !ValidChannel(name):
			return fmt.Errorf("%.80q is no channel", name)
		}
	}
	if channels[0] == channels[1] {
		return fmt.Errorf("%s twice is no call between two", channels[0])
	}
	return nil
}

// longestName is that of a channel, an extension or a context (AST_CHANNEL_NAME, AST_MAX_EXTENSION and AST_MAX_CONTEXT are 80, with a NUL).
const longestName = 79

// ValidChannel reports whether s is the name of a channel as Asterisk makes them: PJSIP/101-0000002a, Local/102@phones-00000003;1,
// DAHDI/i1/102-3.
func ValidChannel(s string) bool {
	return isName(s, "/@-_.:;+*#") && strings.IndexByte(s, '/') > 0
}

// ValidExten reports whether s is an extension of a dialplan that can be dialled or named: 5234, *15234, +7916, anna.
func ValidExten(s string) bool { return isName(s, "+*#_.-") }

// ValidContext reports whether s is the name of a context.
func ValidContext(s string) bool { return isName(s, "_.-") }

// isName reports whether s is 1 to 79 letters, digits and signs.
func isName(s, signs string) bool {
	if s == "" || len(s) > longestName {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !('0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || strings.IndexByte(signs, c) >= 0) {
			return false
		}
	}
	return true
}
