package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sipconf/sipconf/attendant"
	"github.com/sipconf/sipconf/control"
	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/dialout/groups"
	"github.com/sipconf/sipconf/dialout/links"
	"github.com/sipconf/sipconf/media"
	"github.com/sipconf/sipconf/prompts"
	"github.com/sipconf/sipconf/rooms"
	"github.com/sipconf/sipconf/rooms/plan"
	"github.com/sipconf/sipconf/sip"
)

// server is the whole conference server: the signalling column, the media and
// the domain, wired together. Its parts know nothing of each other beyond the
// interfaces that they declare.
type server struct {
	log       *slog.Logger
	plan      *plan.Plan
	engine    *media.Engine
	rooms     *rooms.Directory
	groups    groups.Store
	ua        *sip.UA
	dialer    *dialout.Dialer
	inviter   *inviter
	ringing   ringing
	called    *dialout.Groups
	links     *links.Links
	said      *prompts.Set
	office    *attendant.Office
	restored  map[string]*sip.Call          // those of the process before, by their IDs
	people    map[string]*rooms.Participant // likewise those of them who are in a room
	rosters   *rosters
	trunks    []dialout.Trunk
	isHost    func(number string) bool
	wired     chan struct{} // closed when all of these are there
	reads     chan struct{} // closed when the signalling reads
	ending    chan struct{} // closed, by end, when the server shuts down
	end       func()
	listeners []listener // as bound: with the real port where 0 was asked for
	managers  *managers
	clock     *clockWatch
	metrics   *metrics
	monitor   *monitor
	door      *control.Door // nil: there is no control socket
	own       *generation   // nil: the server stands alone
	drainer   *drainer
	began     time.Time
	referring sync.WaitGroup // the REFERs of the process before
	still     bool           // paused; of whoever hands over, of whom there is one at a time
	panicked  atomic.Uint64  // hand-overs, which were survived
	pace      pace           // likewise
	collect   func()         // likewise: has garbage collected again
	silent    time.Time      // since when nobody has heard anything when this one took over; zero: it did not
	stillFor  time.Duration  // for how long that was
}

// What a server that takes over keeps to itself while its sound begins: the first tick, of cold memory, takes twice as long as others.
const (
	firstTick    = 20 * time.Millisecond // others go on after that: what comes for them waits in the sockets
	collectAfter = 2 * time.Second       // garbage is collected again
)

// newServer starts a server, which goes on with all that the process before has left, if there is one. Close ends it. The error says what to do
// where it is the operator's; then nothing is open any more.
func newServer(cfg *Config, log *slog.Logger, own *generation) (started *server, err error) {
	var pace pace
	if own.line() != nil {
		pace = ownPace()
		pace.set(wayNice) // it has much to read and to work out, and time for that
	}
	s, sockets, err := prepare(cfg, log, own)
	if err != nil {
		return nil, err
	}
	defer func() {
		if started == nil && own.line() == nil { // else the process before goes on with all of it, and this one has but to end, at once: it is waited for
			s.discard(sockets)
		}
	}()
	if own.line() != nil { // a collection would take as long as all the rest, and nobody hears anything meanwhile
		again := uncollected()
		defer time.AfterFunc(collectAfter, again)
	}
	if err := step("is prepared", own.line()); err != nil {
		return nil, err
	}
	left, err := s.begins(cfg, own, pace)
	if err != nil {
		return nil, err
	}
	if err := s.furnish(cfg, left, sockets); err != nil {
		return nil, err
	}
	if err := step("is furnished", own.line()); err != nil {
		return nil, err
	}
	if err := own.ready(); err != nil { // from here on the process before cannot go on any more
		return nil, err
	}
	s.start(cfg)
	return s, nil
}

// prepare makes all that can be made before the process before stands still.
func prepare(cfg *Config, log *slog.Logger, own *generation) (s *server, sockets []sip.Listener, err error) {
	numbers, err := plan.Compile(cfg.Numbers)
	if err != nil {
		return nil, nil, err
	}
	store, err := groups.Open(cfg.Groups.Store, cfg.Groups.options())
	if err != nil {
		return nil, nil, err
	}
	said, err := prompts.Load(cfg.Prompts.Folder, log)
	if err != nil {
		return nil, nil, fmt.Errorf("prompts.folder: %w", err)
	}
	s = &server{
		log: log, plan: numbers, groups: store, said: said, wired: make(chan struct{}), reads: make(chan struct{}), ending: make(chan struct{}), began: time.Now(),
		own: own, drainer: newDrainer(), collect: func() {},
	}
	s.end = sync.OnceFunc(func() { close(s.ending) })
	s.trunks, s.isHost = cfg.Trunks, hostsOf(cfg.Menus.Hosts)
	s.rosters = newRosters(s, cfg)
	if sockets, err = s.listen(own, cfg.SIP.Listen); err != nil {
		return nil, nil, err
	}
	if s.door, err = openDoor(cfg.Ctl.Socket, usualSocket, own, log); err != nil {
		closeAll(sockets)
		return nil, nil, err
	}
	s.monitor = openMonitor(cfg.Metrics.Listen, own, log)
	prepareGroups(cfg, store, log)
	return s, sockets, nil
}

// begins is what the server begins with.
func (s *server) begins(cfg *Config, own *generation, pace pace) (*legacy, error) {
	mc := media.Config{
		Ports: cfg.Media.Ports, JitterMax: cfg.Media.JitterMax, MuteMusic: cfg.Media.MuteMusic, Level: cfg.Media.Level, Log: s.log,
		Broken: func(bus media.Bus, reason any) {
			<-s.wired // the directory needs the engine, and the engine tells it of a room that broke
			s.rooms.Broken(bus, reason)
		},
	}
	if line := own.line(); line != nil {
		return take(line, mc, pace)
	}
	engine, err := media.New(mc)
	return &legacy{engine: engine}, err
}

// furnish wires the server together, and puts everybody where he was in the process before. Nothing runs yet.
func (s *server) furnish(cfg *Config, left *legacy, sockets []sip.Listener) (err error) {
	s.engine = left.engine
	s.rooms = rooms.NewDirectory(rooms.Config{
		Engine: late{s}, MaxParticipants: cfg.Rooms.MaxParticipants, MaxLegs: cfg.Rooms.MaxLegs,
		Tones: cfg.Rooms.Tones, Log: s.log, OnEvent: s.hear,
		OnPeople: func(room string, incarnation uint64, here bool) { s.links.People(room, incarnation, here) }, // nobody comes in before wired
	})
	s.ua, err = sip.New(sip.Config{
		Listeners: sockets, Media: late{s}, Advertise: cfg.SIP.Advertise, Trusted: cfg.SIP.Trusted,
		UserAgent: cfg.SIP.UserAgent, Codecs: cfg.Media.Codecs,
		SessionExpires: cfg.SIP.SessionExpires, MinSE: cfg.SIP.MinSE, SilenceTimeout: cfg.Media.SilenceTimeout,
		Packages: s.rosters.packages(), Refer: s.refer, Log: s.log,
		Saved: left.calls(), Legs: left.leg, Descriptors: left.descriptors,
	}, s.answer)
	if err != nil {
		return err
	}
	s.restored = make(map[string]*sip.Call)
	for _, call := range s.ua.Restored() {
		s.restored[call.ID()] = call
	}
	s.metrics = newMetrics(s)
	if err := s.openOffice(cfg, left); err != nil { // the configuration was checked, so that there is none
		panic(err)
	}
	return s.restore(cfg, left)
}

// start lets everything run.
func (s *server) start(cfg *Config) {
	close(s.wired)
	s.engine.Resume() // first: nobody has heard anything since the process before stands still
	s.stillFor = time.Since(s.silent)
	if !s.silent.IsZero() {
		time.Sleep(firstTick) // nothing else runs beside that
	}
	s.rooms.Resume()
	s.dialer.Resume() // who is being called has his seat before others come
	s.ua.Start()      // before all who send requests: until it reads, the transport would open a socket of its own, where there is one
	close(s.reads)
	for _, resume := range []func(){s.office.Resume, s.links.Resume, s.called.Resume} {
		resume()
	}
	s.resumeRestored()
	s.managers = openManagers(cfg, s)           // ends in Close
	s.clock = watchClock(s.engine.Stats, s.log) // ends in Close
	s.monitor.serve(s)                          // ends in Close
	if s.door != nil {
		s.door.Serve(operated{s}, ownVersion(), s.log) // ends in Close
	}
}

// discard closes what is there of a server that never ran.
func (s *server) discard(sockets []sip.Listener) {
	s.door.Close()
	s.monitor.close()
	if s.rooms != nil {
		s.rooms.Close()
	}
	if s.engine != nil {
		s.engine.Close()
	}
	closeAll(sockets)
}

// socketBuffer is asked for each SIP socket: a burst of a few thousand
// messages waits there while the parser works.
const socketBuffer = 4 << 20

// singlePath is TCP as phones speak it. Multipath TCP, which net.Listen would take, knows no traffic
// class over IPv6.
var singlePath = func() (c net.ListenConfig) {
	c.SetMultipathTCP(false)
	return c
}()

// listen opens the listeners, or none; those that the process before has are taken over.
func (s *server) listen(own *generation, listen []listener) (sockets []sip.Listener, err error) {
	defer func() {
		if err != nil {
			closeAll(sockets)
		}
	}()
	for _, l := range listen {
		socket := sip.Listener{Name: l.String()}
		network := l.Network + "6"
		if l.Addr.Addr().Is4() {
			network = l.Network + "4"
		}
		var bound net.Addr
		if l.Network == "udp" {
			conn, err := own.listenPacket(network, l.Addr.String())
			if err != nil {
				return sockets, explainListen(l, err)
			}
			conn.(*net.UDPConn).SetReadBuffer(socketBuffer) // as much of it as the kernel allows
			socket.Packet, bound = conn, conn.LocalAddr()
		} else {
			stream, err := own.listen(network, l.Addr.String())
			if err != nil {
				return sockets, explainListen(l, err)
			}
			socket.Stream, bound = stream, stream.Addr()
		}
		sockets = append(sockets, socket)
		s.listeners = append(s.listeners, listener{Network: l.Network, Addr: netip.MustParseAddrPort(bound.String())})
	}
	return sockets, nil
}

// explainListen says what an operator can do about a listener that cannot be opened.
func explainListen(l listener, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("sip.listen: %s: the port is in use: another sipconf or an Asterisk on this machine has it; stop that, or choose another port in sip.listen", l)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("sip.listen: %s: this machine has no such address: see \"ip address\", or write 0.0.0.0 for all of them", l)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("sip.listen: %s: no permission: ports below 1024 are for root", l)
	}
	return fmt.Errorf("sip.listen: %s: %w", l, err)
}

func closeAll(sockets []sip.Listener) {
	for _, s := range sockets {
		if s.Packet != nil {
			s.Packet.Close()
		} else {
			s.Stream.Close()
		}
	}
}

// answer is what happens to a call: its number leads to a room, the room has a
// seat, the call is answered, and the caller is in until somebody hangs up.
func (s *server) answer(ctx context.Context, call *sip.Call) {
	<-s.wired
	if call.Restored() && s.goOn(ctx, call) {
		return
	}
	name, number := call.Caller()
	log := s.log.With("call", call.ID())
	mark := dialout.ReadMark(call.Extra(markHeader))
	if s.dialer.Ours(mark) {
		s.count(outcomeLoop)
		log.Warn("a call of ours has come back: the PBX leads that number to us, so it belongs into dialout.own", "number", call.Number(), "room", mark.Room)
		call.Reject(482, "Loop Detected")
		return
	}
	if old := call.Replaces(); old != nil {
		s.replace(ctx, call, old)
		return
	}
	target, ok := s.plan.Route(call.Number(), number)
	if !ok {
		s.count(outcomeNoNumber)
		log.Info("no such number: see numbers in the configuration", "number", call.Number(), "from", number, "source", call.Source())
		call.Reject(404, "Not Found")
		return
	}
	seat, err := s.seatFor(&target, number)
	if err != nil {
		log.Info("call refused", "room", target.Room, "name", name, "number", number, "err", err)
		s.refuse(call, err)
		return
	}
	defer seat.Release()
	met := s.links.Meet(target.Room, number, mark, call)
	if met.Refused {
		s.count(outcomeLoop)
		log.Info("the far side of a link has called, but the link has its call already", "room", target.Room, "number", number)
		call.Reject(482, "Loop Detected")
		return
	}
	if met.Link {
		seat.ForLink()
	} else {
		defer s.office.Expect(call.ID(), seat)()
	}

	s.setFocus(call, target)
	call.Ring()
	if err := call.Answer(ctx); err != nil {
		s.count(outcomeUnanswered)
		log.Log(ctx, unansweredLevel(err), "call was not answered", "room", target.Room, "name", name, "number", number, "err", err)
		return
	}
	s.count(outcomeJoined)
	p := seat.Join(call)
	defer func() { p.LeaveWith(call.ID(), call.Reason()) }() // before the call closes the leg, also when something below panics
	if met.Link {
		s.hold(call, p, met, dialout.Room{Number: target.Room, Incarnation: p.Incarnation()}, mark)
		return
	}
	s.office.Serve(ctx, call, p, target.Room, target.Group)
}

// setFocus makes a number that leads to the room the conference URI of the call.
func (s *server) setFocus(call *sip.Call, target plan.Target) {
	if number := dialable(s.plan, target.Room, call.Number()); number != "" {
		call.Focus(number)
	}
}

// dialable is a number that leads whoever dials it into that room, and calls nobody together; empty: none is known.
func dialable(numbers *plan.Plan, room, dialled string) string {
	for _, number := range []string{room, "*1" + room, dialled} {
		if leads(numbers, number, room) {
			return number
		}
	}
	return ""
}

func (s *server) count(outcome string) { s.metrics.calls.WithLabelValues(outcome).Inc() }

func (s *server) refuse(call *sip.Call, err error) {
	switch {
	case errors.Is(err, rooms.ErrRoomFull):
		s.count(outcomeRoomFull)
		call.Reject(486, "Busy Here")
	case errors.Is(err, rooms.ErrLocked):
		s.count(outcomeLocked)
		call.Reject(403, "Room Locked")
	default:
		s.count(outcomeServerFull)
		call.Reject(503, "Service Unavailable", "Retry-After", "10")
	}
}

// unansweredLevel is how loud it is in the log that a call could not be answered. A caller who gives
// up, or offers nothing that we speak, is his own affair; sockets that cannot be had are the operator's.
func unansweredLevel(err error) slog.Level {
	var system syscall.Errno
	if errors.Is(err, media.ErrNoPorts) || errors.As(err, &system) {
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// Addrs are the addresses that the server listens on.
func (s *server) Addrs() []listener { return s.listeners }

// Rooms is the directory, for rosters.
func (s *server) Rooms() *rooms.Directory { return s.rooms }

// Engine has the figures of the media loops.
func (s *server) Engine() *media.Engine { return s.engine }

// Close takes no new calls, says goodbye to everybody and ends. It takes at
// most as long as ctx allows, and a little to clean up.
func (s *server) Close(ctx context.Context) error {
	s.monitor.draining.Store(true)
	s.managers.close() // so that no two are sent here who are turned away
	s.ua.Drain()
	s.closeOffice()
	s.referring.Wait()
	err := s.ua.Close(ctx, "server is shutting down")
	s.office.Close()
	s.rooms.Close()
	s.door.Close()
	s.monitor.close()
	s.clock.close()
	s.engine.Close()
	return err
}
