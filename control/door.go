package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// What a request may take, so that whoever hangs holds nothing.
const (
	readTime   = 5 * time.Second // to be sent
	answerTime = 10 * time.Second
	idleTime   = 5 * time.Second // between two of a connection
	closeTime  = time.Second     // for those that are under way when the Door is closed
	mostHeader = 8 << 10
	mostBody   = 8 << 10
)

// Door is where commands come in. Open makes one. A nil Door is none, and may be closed.
type Door struct {
	socket    *socket
	turnstile Turnstile
	answer    time.Duration // that an answer may take
	http      *http.Server
	panics    atomic.Uint64
	served    sync.WaitGroup
}

// Open makes the socket. Commands wait until Serve is called. Close ends it. The errors say what to do; ErrTaken is one of them.
func Open(path string) (*Door, error) {
	s, err := listen(path)
	if err != nil {
		return nil, err
	}
	return &Door{socket: s, answer: answerTime}, nil
}

// Inherit is Open with the listener of another process, whose it stays until Serve is called: a Door that is closed before leaves the socket where it is.
func Inherit(path string, l net.Listener) (*Door, error) {
	s, err := inherit(path, l)
	if err != nil {
		return nil, err
	}
	return &Door{socket: s, answer: answerTime}, nil
}

// Listener is what another process may Inherit.
func (d *Door) Listener() net.Listener { return d.socket.Listener }

// Serve answers commands from now on. version is what the server calls itself to a Client that knows more commands.
func (d *Door) Serve(o Operated, version string, log *slog.Logger) {
	d.socket.lent.Store(false)
	d.http = &http.Server{
		Handler:           d.turnstile.Handler(d.handler(o, version, log), decides),
		ReadHeaderTimeout: readTime, ReadTimeout: readTime, WriteTimeout: d.answer, IdleTimeout: idleTime, MaxHeaderBytes: mostHeader,
		ConnState: d.turnstile.Note,
		ErrorLog:  slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	d.served.Go(func() { // ends by Close
		if err := d.http.Serve(d.turnstile.Listener(d.socket)); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			log.Warn("the control socket is gone: sipconf ctl reaches this server no more until it is started again", "err", err)
		}
	})
}

// Pause has all commands wait from now on but an upgrade, and waits for the end of those that are under way. After an error, which is that of ctx in
// words, they are carried out again.
func (d *Door) Pause(ctx context.Context) error {
	if d == nil {
		return nil
	}
	return d.turnstile.Hold(ctx)
}

// Resume ends a Pause: what has waited is carried out.
func (d *Door) Resume() {
	if d != nil {
		d.turnstile.Release()
	}
}

// Leave is Close when another process has inherited the socket: that one answers from now on. Whose command has waited is told to ask again.
func (d *Door) Leave() {
	if d == nil {
		return
	}
	d.socket.lent.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	d.turnstile.Leave(ctx)
	d.Close()
}

// decides says which commands nobody holds up: they are what the others wait for.
func decides(r *http.Request) bool { return Command(r.Method+" "+r.URL.Path) == Upgrade }

// Close removes the socket, gives commands that are under way a second to end, and waits. Safe to call twice.
func (d *Door) Close() {
	if d == nil {
		return
	}
	d.socket.Close()
	if d.http == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	if d.http.Shutdown(ctx) != nil {
		d.http.Close()
	}
	d.served.Wait()
}

// Path is where the socket is; empty: there is none.
func (d *Door) Path() string {
	if d == nil {
		return ""
	}
	return d.socket.path
}

// Panics is how many panics were survived.
func (d *Door) Panics() uint64 {
	if d == nil {
		return 0
	}
	return d.panics.Load()
}

// handler answers the commands.
func (d *Door) handler(o Operated, version string, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	for command, run := range commands {
		mux.HandleFunc(string(command), func(w http.ResponseWriter, r *http.Request) {
			if command == Upgrade {
				http.NewResponseController(w).SetWriteDeadline(time.Now().Add(UpgradeTime)) // an error is that of the connection, and shows by itself
			}
			answer, err := d.run(o, run, json.NewDecoder(http.MaxBytesReader(w, r.Body, mostBody)), log.With("command", command))
			reply(w, answer, err)
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		reply(w, nil, refuse(http.StatusNotImplemented, "the server that runs, sipconf %s, does not know %s %s", version, r.Method, r.URL.Path))
	})
	return mux
}

// run carries out a command. A panic is our own bug, and costs the one command.
func (d *Door) run(o Operated, run func(Operated, *json.Decoder) (any, error), body *json.Decoder, log *slog.Logger) (answer any, err error) {
	defer func() {
		if r := recover(); r != nil {
			d.panics.Add(1)
			log.Error("panic in a command: please report it", "err", r, "stack", string(debug.Stack()))
			answer, err = nil, refuse(http.StatusInternalServerError, "the server has failed at this: its log says how, please report it")
		}
	}()
	return run(o, body)
}

// failure is an error on its way to whoever asked.
type failure struct {
	Error string `json:"error"`
}

// reply writes the answer, or why there is none.
func reply(w http.ResponseWriter, answer any, err error) {
	status := http.StatusOK
	if err != nil {
		status = http.StatusInternalServerError
		var no *Refusal
		if errors.As(err, &no) {
			status = no.Status
		}
		answer = failure{err.Error()}
	}
	text, err := json.Marshal(answer)
	if err != nil {
		panic(fmt.Sprintf("an answer of the control socket: %v", err)) // a type of ours that is no JSON
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(append(text, '\n')) // whoever has gone gets none
}
