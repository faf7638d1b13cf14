package ami_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipconf/sipconf/asterisk/ami"
	"github.com/sipconf/sipconf/asterisk/ami/amitest"
)

// desk is a client beside a fake manager, in fake time.
type desk struct {
	*testing.T
	manager *amitest.Manager
	client  *ami.Client

	mu    sync.Mutex
	log   bytes.Buffer
	heard []ami.Message
}

func (d *desk) Write(b []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.log.Write(b)
}

func (d *desk) hear(_ context.Context, _ *ami.Client, event ami.Message) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.heard = append(d.heard, event)
}

// at runs a test at a desk: what is there before the client connects is habits.
func at(t *testing.T, habits func(*amitest.Habits), test func(*desk)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := &desk{T: t, manager: amitest.New("sipconf", "s3cret")}
		if habits != nil {
			d.manager.Behave(habits)
		}
		d.client = ami.New(ami.Config{
			Address: "192.0.2.10:5038", Username: "sipconf", Secret: "s3cret", Hear: d.hear, Dial: d.manager.Dial,
			Log: slog.New(slog.NewTextHandler(d, nil)),
		})
		synctest.Wait()
		test(d)
		d.client.Close()
		d.client.Close() // safe to call twice
		d.manager.Close()
		if d.client.Stats().Up {
			t.Error("it is up after Close")
		}
	})
}

// wantLog wants so many lines with that text in the log.
func (d *desk) wantLog(n int, text string) {
	d.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if got := strings.Count(d.log.String(), text); got != n {
		d.Errorf("the log says %d times %q, want %d:\n%s", got, text, n, &d.log)
	}
}

func (d *desk) wantUp(up bool, logins uint64) {
	d.Helper()
	if s := d.client.Stats(); s.Up != up || s.Logins != logins {
		d.Errorf("%+v, want up %v after %d logins", s, up, logins)
	}
}

// wantHeard wants these events so far, by their UserEvent.
func (d *desk) wantHeard(want ...string) {
	d.Helper()
	synctest.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	var got []string
	for _, m := range d.heard {
		got = append(got, m.Value("UserEvent"))
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		d.Errorf("heard %q, want %q", got, want)
	}
}

// passes lets time pass.
func (d *desk) passes(t time.Duration) {
	time.Sleep(t)
	synctest.Wait()
}

func TestLogin(t *testing.T) {
	at(t, nil, func(d *desk) {
		d.wantUp(true, 1)
		d.wantLog(1, "connected to Asterisk's manager")
		login := d.manager.Asked("Login")
		if len(login) != 1 || login[0].Get("Events") != "user" || login[0].Get("Secret") != "" {
			d.Errorf("the login is %v: it asks for events of the class user alone, and has no secret in it", login)
		}
	})
}

func TestHearsUserEvents(t *testing.T) {
	at(t, nil, func(d *desk) {
		d.manager.Raise("Event: FullyBooted\r\nPrivilege: system,all\r\n\r\n" +
			"Event: UserEvent\r\nUserEvent: One\r\n\r\n\r\nno header at all\r\nEvent: UserEvent\nUserEvent: Two\n\n")
		d.wantHeard("One", "Two")
	})
}

func TestRedirect(t *testing.T) {
	at(t, nil, func(d *desk) {
		both, place := [2]string{"PJSIP/101-00000001", "Local/102@phones-00000003;1"}, ami.Place{Context: "sipconf-room", Exten: "*1101", Priority: 1}
		if err := d.client.Redirect(d.Context(), both, place); err != nil {
			d.Fatal(err)
		}
		got := d.manager.Asked("Redirect")[0]
		for name, want := range map[string]string{
			"Channel": both[0], "ExtraChannel": both[1], "Context": "sipconf-room", "ExtraContext": "sipconf-room",
			"Exten": "*1101", "ExtraExten": "*1101", "Priority": "1", "ExtraPriority": "1",
		} {
			if got.Get(name) != want {
				d.Errorf("%s: %q, want %q", name, got.Get(name), want)
			}
		}
		d.manager.Behave(func(h *amitest.Habits) { h.Redirect = "Channel does not exist: PJSIP/101-00000001" })
		if err := d.client.Redirect(d.Context(), both, place); err == nil || !strings.Contains(err.Error(), "Channel does not exist") {
			d.Errorf("a refused redirect: %v", err)
		}
		d.wantUp(true, 1)
	})
}

// TestRedirectNowhere: who would be hung up by it is not redirected.
func TestRedirectNowhere(t *testing.T) {
	at(t, func(h *amitest.Habits) { h.Nowhere = true }, func(d *desk) {
		both, place := [2]string{"PJSIP/101-1", "PJSIP/102-2"}, ami.Place{Context: "sipconf-room", Exten: "*1101", Priority: 1}
		if err := d.client.Redirect(d.Context(), both, place); err == nil || !strings.Contains(err.Error(), "has no *1101 in the context sipconf-room") {
			d.Errorf("redirect: %v", err)
		}
		if asked := d.manager.Asked("Getvar"); len(asked) != 1 || asked[0].Get("Variable") != "DIALPLAN_EXISTS(sipconf-room,*1101,1)" {
			d.Errorf("asked for %v", asked)
		}
		if sent := d.manager.Asked("Redirect"); len(sent) != 0 {
			d.Errorf("sent: %q", sent)
		}
		d.manager.Behave(func(h *amitest.Habits) { h.Simple = true })
		if err := d.client.Redirect(d.Context(), both, place); err != nil {
			d.Errorf("without a function to ask: %v", err)
		}
	})
}

// TestRedirectIsCheckedBeforeItIsSent: nothing that could be another line, or several channels.
func TestRedirectIsCheckedBeforeItIsSent(t *testing.T) {
	at(t, nil, func(d *desk) {
		const a, b = "PJSIP/101-1", "PJSIP/102-2"
		place := ami.Place{Context: "sipconf-room", Exten: "*1101", Priority: 1}
		for _, both := range [][2]string{
			{a, ""}, {"", b}, {a, a}, {a, b + "," + "PJSIP/103-3"}, {a + "\r\nAction: Originate", b}, {a + "\n", b}, {a, b + "\r"},
			{a, "PJSIP/102 2"}, {a, "102"}, {a, "/102"}, {a, "PJSIP/" + strings.Repeat("1", 80)}, {a, "PJSIP/102-2&PJSIP/103"}, {a, "PJSIP/\x00"},
		} {
			if err := d.client.Redirect(d.Context(), both, place); err == nil {
				d.Errorf("%q can be redirected", both)
			}
		}
		for _, to := range []ami.Place{
			{Context: "", Exten: "1", Priority: 1}, {Context: "a b", Exten: "1", Priority: 1}, {Context: "a\r\nb", Exten: "1", Priority: 1},
			{Context: "a", Exten: "", Priority: 1}, {Context: "a", Exten: "1,2", Priority: 1}, {Context: "a", Exten: "1\n", Priority: 1},
			{Context: "a", Exten: "1"}, {Context: "a", Exten: "${X}", Priority: 1},
		} {
			if err := d.client.Redirect(d.Context(), [2]string{a, b}, to); err == nil {
				d.Errorf("%+v is a place", to)
			}
		}
		if sent := d.manager.Asked("Redirect"); len(sent) != 0 {
			d.Errorf("sent: %q", sent)
		}
		if _, err := d.client.Ask(d.Context(), ami.Message{{Name: "Action", Value: "Ping\r\nAction: Logoff"}}); err == nil {
			d.Error("an action of two lines in one is sent")
		}
		if _, err := d.client.Ask(d.Context(), ami.Message{{Name: "Action", Value: strings.Repeat("x", 2000)}}); err == nil {
			d.Error("an action is sent that Asterisk does not read")
		}
		d.wantUp(true, 1)
	})
}

// TestWrongSecret: it is said once and plainly, asked again further and further apart, and when the operator has mended it we are in.
func TestWrongSecret(t *testing.T) {
	at(t, func(h *amitest.Habits) { h.Secret = "another" }, func(d *desk) {
		d.wantUp(false, 0)
		d.wantLog(1, "Asterisk refuses the login of sipconf (Authentication failed): is there a section [sipconf] in manager.conf")
		if _, err := d.client.Ask(d.Context(), ami.Message{{Name: "Action", Value: "Ping"}}); !errors.Is(err, ami.ErrDown) {
			d.Errorf("ask: %v", err)
		}
		d.passes(10 * time.Minute)
		if n := d.manager.Dials(); n < 5 || n > 9 {
			d.Errorf("%d attempts in ten minutes", n)
		}
		d.wantLog(1, "level=WARN")
		if strings.Contains(d.log.String(), "s3cret") {
			d.Errorf("the log has the secret in it:\n%s", &d.log)
		}
		d.manager.Behave(func(h *amitest.Habits) { h.Secret = "s3cret" })
		d.passes(5 * time.Minute)
		d.wantUp(true, 1)
	})
}

// TestPowerless: an account that may not redirect is of no use, which is said before somebody presses *1.
func TestPowerless(t *testing.T) {
	at(t, func(h *amitest.Habits) { h.Powerless = true }, func(d *desk) {
		d.wantUp(false, 0)
		d.wantLog(1, "write = call is missing")
		d.manager.Behave(func(h *amitest.Habits) { h.Powerless = false })
		d.passes(time.Minute)
		d.wantUp(true, 1)
	})
}

// TestAsteriskIsDown: attempts come at most 30 s apart, not all at once, and it is said once.
func TestAsteriskIsDown(t *testing.T) {
	at(t, func(h *amitest.Habits) { h.Down = true }, func(d *desk) {
		d.passes(time.Hour)
		if n := d.manager.Dials(); n < 120 || n > 245 {
			d.Errorf("%d attempts in an hour", n)
		}
		d.wantLog(1, "no connection to Asterisk's manager, so *1 between two phones does nothing")
		d.manager.Behave(func(h *amitest.Habits) { h.Down = false })
		d.passes(30 * time.Second)
		d.wantUp(true, 1)
		d.wantLog(1, "connected to Asterisk's manager")
	})
}

// TestAsteriskStartsAnew: the session ends, and within a second there is the next one, which hears.
func TestAsteriskStartsAnew(t *testing.T) {
	at(t, nil, func(d *desk) {
		for n := uint64(2); n < 5; n++ {
			d.manager.Drop()
			synctest.Wait()
			d.wantUp(false, n-1)
			d.passes(time.Second)
			d.wantUp(true, n)
		}
		d.wantLog(3, "level=WARN") // each time, for each time there was a connection in between
		d.manager.Raise("Event: UserEvent\r\nUserEvent: One\r\n\r\n")
		d.wantHeard("One")
	})
}

// TestDeadConnection: Asterisk's machine is gone without a word. We know it within 20 s.
func TestDeadConnection(t *testing.T) {
	at(t, nil, func(d *desk) {
		d.passes(10 * time.Minute)
		d.wantUp(true, 1) // a quiet connection is none that is dead
		d.manager.Behave(func(h *amitest.Habits) { h.Deaf = true })
		d.passes(20*time.Second + time.Millisecond)
		d.wantUp(false, 1)
		d.wantLog(1, "no response in 5s")
		d.manager.Behave(func(h *amitest.Habits) { h.Deaf = false })
		d.passes(time.Minute)
		d.wantUp(true, 2)
	})
}

// TestDeadInTheMiddle: who waits for a response learns that there will be none.
func TestDeadInTheMiddle(t *testing.T) {
	at(t, nil, func(d *desk) {
		d.manager.Behave(func(h *amitest.Habits) { h.Deaf = true })
		place := ami.Place{Context: "sipconf-room", Exten: "*1101", Priority: 1}
		if err := d.client.Redirect(d.Context(), [2]string{"PJSIP/101-1", "PJSIP/102-2"}, place); err == nil || !strings.Contains(err.Error(), "no response") {
			d.Errorf("redirect: %v", err)
		}
		ctx, cancel := context.WithCancel(d.Context())
		cancel()
		d.manager.Behave(func(h *amitest.Habits) { h.Deaf = false })
		d.passes(time.Minute)
		d.manager.Behave(func(h *amitest.Habits) { h.Deaf = true })
		if _, err := d.client.Ask(ctx, ami.Message{{Name: "Action", Value: "Ping"}}); !errors.Is(err, context.Canceled) {
			d.Errorf("a cancelled question: %v", err)
		}
	})
}

// TestStranger: another service has the port. It is not told who we are.
func TestStranger(t *testing.T) {
	at(t, func(h *amitest.Habits) { h.Banner = "SSH-2.0-OpenSSH_9.2" }, func(d *desk) {
		d.wantUp(false, 0)
		d.wantLog(1, "what answers there is no manager of Asterisk")
		if n := len(d.manager.Asked("Login")); n != 0 {
			d.Errorf("%d logins", n)
		}
	})
}

// TestLargeMessages: a line or a message without an end is read past, and counted; what follows is heard.
func TestLargeMessages(t *testing.T) {
	at(t, nil, func(d *desk) {
		d.manager.Raise("Event: UserEvent\r\nUserEvent: One\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n" +
			"Event: UserEvent\r\nUserEvent: Two\r\n" + strings.Repeat("X: y\r\n", 10000) + "\r\n" +
			"Event: UserEvent\r\nUserEvent: Three\r\n\r\n")
		d.wantHeard("Three")
		if n := d.client.Stats().Dropped; n != 2 {
			d.Errorf("%d dropped, want 2", n)
		}
		d.manager.Drop()
		d.passes(time.Second)
		if n := d.client.Stats().Dropped; n != 2 {
			d.Errorf("%d dropped after the session, want 2", n)
		}
	})
}

// TestSlowListener: while somebody is slow to listen Asterisk is not kept waiting; what is too much is dropped, and counted.
func TestSlowListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := amitest.New("sipconf", "")
		slow := make(chan struct{})
		heard := 0
		c := ami.New(ami.Config{Address: "pbx", Username: "sipconf", Dial: m.Dial, Hear: func(context.Context, *ami.Client, ami.Message) { <-slow; heard++ }})
		synctest.Wait()
		m.Raise(strings.Repeat("Event: UserEvent\r\nUserEvent: One\r\n\r\n", 30))
		synctest.Wait()
		if _, err := c.Ask(t.Context(), ami.Message{{Name: "Action", Value: "Ping"}}); err != nil {
			t.Errorf("meanwhile: %v", err)
		}
		close(slow)
		synctest.Wait()
		c.Close()
		m.Close()
		if n := c.Stats().Dropped; heard != 17 || n != 13 {
			t.Errorf("%d heard, %d dropped: want the one that was heard, 16 that waited, and 13", heard, n)
		}
	})
}

// TestEventIsNoResponse: whoever can put lines into an event cannot answer for Asterisk, nor be two events.
func TestEventIsNoResponse(t *testing.T) {
	at(t, nil, func(d *desk) {
		d.manager.Behave(func(h *amitest.Habits) { h.Deaf = true })
		answered := make(chan error, 1)
		go func() {
			_, err := d.client.Ask(d.Context(), ami.Message{{Name: "Action", Value: "Ping"}})
			answered <- err
		}()
		synctest.Wait()
		for id := range 10 {
			d.manager.Raise(fmt.Sprintf("Event: UserEvent\r\nUserEvent: One\r\nResponse: Success\r\nActionID: %d\r\n\r\n", id))
			d.manager.Raise(fmt.Sprintf("ActionID: %d\r\nResponse: Success\r\n\r\n", id))
		}
		synctest.Wait()
		select {
		case err := <-answered:
			t.Errorf("answered by an event: %v", err)
		default:
		}
		d.manager.Drop()
		if err := <-answered; err == nil || !strings.Contains(err.Error(), "was closed by Asterisk") {
			t.Errorf("in the end: %v", err)
		}
	})
}

// TestCloseAtAnyTime: while it connects, logs in, is refused, waits for the next attempt, and while somebody listens.
func TestCloseAtAnyTime(t *testing.T) {
	for name, config := range map[string]func(m *amitest.Manager, c *ami.Config){
		"connecting": func(_ *amitest.Manager, c *ami.Config) {
			c.Dial = func(ctx context.Context, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }
		},
		"logging in": func(m *amitest.Manager, _ *ami.Config) { m.Behave(func(h *amitest.Habits) { h.Deaf = true }) },
		"refused":    func(_ *amitest.Manager, c *ami.Config) { c.Secret = "another" },
		"listening": func(_ *amitest.Manager, c *ami.Config) {
			c.Hear = func(ctx context.Context, _ *ami.Client, _ ami.Message) { <-ctx.Done() }
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := amitest.New("sipconf", "s3cret")
				cfg := ami.Config{Address: "pbx", Username: "sipconf", Secret: "s3cret", Dial: m.Dial}
				config(m, &cfg)
				c := ami.New(cfg)
				synctest.Wait()
				m.Raise("Event: UserEvent\r\nUserEvent: One\r\n\r\n")
				synctest.Wait()
				began := time.Now()
				c.Close()
				if took := time.Since(began); took != 0 {
					t.Errorf("it took %v", took)
				}
				m.Close()
			})
		})
	}
}

// TestRefusedConnection: with a real socket, so that the hint is about what the kernel says.
func TestRefusedConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	said := make(lines, 10)
	c := ami.New(ami.Config{Address: address, Username: "sipconf", Secret: "s3cret", Log: slog.New(slog.NewTextHandler(said, nil))})
	defer c.Close()
	if line := <-said; !strings.Contains(line, "nothing listens there") || !strings.Contains(line, "enabled = yes") || !strings.Contains(line, "pbx="+address) {
		t.Errorf("it says %s", line)
	}
}

// lines is a writer of log lines.
type lines chan string

func (l lines) Write(b []byte) (int, error) { l <- string(b); return len(b), nil }
