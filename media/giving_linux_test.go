package media

import (
	"errors"
	"maps"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media/handover"
)

// move is a hand-over within one process, step by step.
type move struct {
	t      *testing.T
	old    *Engine
	cfg    Config
	ends   [2]*handover.Line
	giving *Giving
	taking *Taking
}

func newMove(t *testing.T, old *Engine, cfg Config) *move {
	t.Helper()
	m := &move{t: t, old: old, cfg: cfg}
	ours, file, err := handover.Pair()
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := handover.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	m.ends = [2]*handover.Line{ours, theirs}
	for _, end := range m.ends {
		end.SetDeadline(time.Now().Add(30 * time.Second))
		t.Cleanup(func() { end.Close() })
	}
	m.giving, m.taking = old.Give(ours), Take(cfg, theirs)
	t.Cleanup(m.taking.Close)
	return m
}

// both runs both sides of a step.
func (m *move) both(give func() error, take func() error) (gave, took error) {
	done := make(chan error, 1)
	go func() { done <- give() }()
	took = take()
	return <-done, took
}

func (m *move) sockets() {
	m.t.Helper()
	if gave, took := m.both(m.giving.Sockets, m.taking.Sockets); gave != nil || took != nil {
		m.t.Fatal(gave, took)
	}
}

func (m *move) drafts() {
	m.t.Helper()
	if gave, took := m.both(m.giving.Drafts, m.taking.Drafts); gave != nil || took != nil {
		m.t.Fatal(gave, took)
	}
}

// stop is what a server does: the legs of a loop go while others still tick.
func (m *move) stop() error {
	if err := m.giving.Stop(5 * time.Second); err != nil {
		return err
	}
	return m.giving.State()
}

// stopped is state of an engine that runs until then.
func (m *move) stopped() (*Engine, map[netip.AddrPort]*Leg) {
	m.t.Helper()
	return m.taken(m.stop)
}

// state is that of an engine that is paused.
func (m *move) state() (*Engine, map[netip.AddrPort]*Leg) {
	m.t.Helper()
	return m.taken(m.giving.State)
}

func (m *move) taken(give func() error) (e *Engine, legs map[netip.AddrPort]*Leg) {
	m.t.Helper()
	gave, took := m.both(give, func() (err error) {
		e, legs, err = m.taking.State()
		return err
	})
	if gave != nil || took != nil {
		m.t.Fatal(gave, took)
	}
	m.t.Cleanup(e.Close)
	return e, legs
}

func openOn(t *testing.T, e *Engine, host string, mux bool) (leg *Leg, peer *net.UDPConn) {
	t.Helper()
	addr := netip.MustParseAddr(host)
	peer, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, 0)))
	if err != nil {
		t.Skip("no such loopback: ", err)
	}
	t.Cleanup(func() { peer.Close() })
	peer.SetDeadline(time.Now().Add(30 * time.Second))
	if leg, err = e.Open(addr); err != nil {
		t.Fatal(err)
	}
	leg.Update(Session{Remote: peer.LocalAddr().(*net.UDPAddr).AddrPort(), Codec: codec.PCMU, Mux: mux})
	return leg, peer
}

func descriptorsOpen(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	return len(files)
}

// Legs that are opened and closed while the sockets are sent, over IPv4 and IPv6: those that are open when the engine stands still are taken over, and
// nothing is left of the others.
func TestE2ELegsThatComeAndGoDuringAHandOver(t *testing.T) {
	before := descriptorsOpen(t)
	old := newTestEngine(t, Config{Loops: 2})
	stays, peer := openOn(t, old, "127.0.0.1", true)
	goes, _ := openOn(t, old, "127.0.0.1", false)
	other, _ := openOn(t, old, "::1", false)
	loop := old.Loop()
	on(loop, func() {
		for _, leg := range []*Leg{stays, other} {
			loop.Attach(leg)
			loop.Add(carousel{leg})
		}
	})
	peer.WriteToUDPAddrPort(append([]byte{0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7}, make([]byte, 160)...), stays.LocalAddr())
	for tied := false; !tied; { // until the packet has come
		on(loop, func() { tied = stays.tied })
	}
	m := newMove(t, old, Config{Ports: PortRange{30000, 30999}, Loops: 1})
	m.sockets()
	goes.Close()
	comes, _ := openOn(t, old, "127.0.0.1", false)
	m.drafts()
	if err := old.Pause(5 * time.Second); err != nil {
		t.Fatal(err)
	}
	sender := stays.state.Sender
	e, legs := m.state()
	old.Abandon()
	want := []netip.AddrPort{stays.LocalAddr(), other.LocalAddr(), comes.LocalAddr()}
	slices.SortFunc(want, netip.AddrPort.Compare)
	if got := slices.SortedFunc(maps.Keys(legs), netip.AddrPort.Compare); !slices.Equal(got, want) {
		t.Fatalf("taken over: %v, want %v", got, want)
	}
	m.taking.Close()
	if s := e.Stats(); s.Legs != 3 || s.Ports != 3 {
		t.Errorf("the new engine is %+v", s)
	}
	leg := legs[stays.LocalAddr()]
	if leg.state.Sender != sender || !leg.tied || leg.conn.(*udpSocket).peer != leg.state.Latch.Source {
		t.Errorf("the leg goes on with %+v, and had %+v; tied %v to %v", leg.state.Sender, sender, leg.tied, leg.conn.(*udpSocket).peer)
	}
	e.Numbered(0).Attach(leg)
	e.Numbered(0).Add(carousel{leg})
	if l := e.Numbered(1); l != e.Numbered(0) || l.Number() != 0 {
		t.Error("a loop with a number that does not exist is not the only one that there is")
	}
	e.Resume()
	b := make([]byte, maxDatagram)
	for { // what the old one has sent comes first
		n, err := peer.Read(b)
		if err != nil {
			t.Fatal("nothing comes from the leg in its new place: ", err)
		}
		var p packet
		if p.parse(b[:n]) && p.seq-sender.Seq < 1000 {
			break
		}
	}
	e.Close()
	for _, end := range m.ends {
		end.Close()
	}
	old.Close()
	if now := descriptorsOpen(t); now > before+4 { // the peers'
		t.Errorf("%d descriptors are open, there were %d", now, before)
	}
}

// Ten hand-overs in a row: the leg is the same one all the time, and nothing else is left.
func TestE2EManyHandOversLeaveNothing(t *testing.T) {
	e := newTestEngine(t, Config{Loops: 2})
	leg, _ := openOn(t, e, "127.0.0.1", true)
	on(e.loops[1], func() { e.loops[1].Attach(leg); e.loops[1].Add(carousel{leg}) })
	on(e.loops[1], func() {})
	open, at, ssrc, sent := descriptorsOpen(t), leg.LocalAddr(), leg.state.Sender.SSRC, uint64(0)
	routines := goleak.IgnoreCurrent()
	for range 10 {
		m := newMove(t, e, Config{Ports: PortRange{30000, 30999}, Loops: 2})
		m.sockets()
		m.drafts()
		next, legs := m.stopped()
		m.taking.Close()
		e.Abandon()
		if e, leg = next, legs[at]; leg == nil {
			t.Fatal("the leg is gone")
		}
		e.Numbered(1).Attach(leg)
		e.Numbered(1).Add(carousel{leg})
		if figures := leg.state.Figures; leg.state.Sender.SSRC != ssrc || figures.PacketsOut < sent {
			t.Errorf("SSRC %x with %d packets, which was %x with %d", leg.state.Sender.SSRC, figures.PacketsOut, ssrc, sent)
		}
		sent = leg.state.Figures.PacketsOut + 1
		e.Resume()
		on(e.loops[1], func() {})
		for _, end := range m.ends {
			end.Close()
		}
	}
	if s := e.Stats(); s.Legs != 1 || s.Attached != 1 || s.Ports != 1 {
		t.Errorf("the last engine is %+v", s)
	}
	if now := descriptorsOpen(t); now != open {
		t.Errorf("%d descriptors are open, there were %d", now, open)
	}
	e.Close()
	goleak.VerifyNone(t, routines)
	if total := e.Totals(); total.PacketsOut < sent {
		t.Errorf("%d packets sent in all, there were %d before", total.PacketsOut, sent)
	}
}

// A hand-over that the old process cannot begin leaves it as it was.
func TestE2ENoDescriptorsToSend(t *testing.T) {
	e := newTestEngine(t, Config{Loops: 1})
	leg, _ := openOn(t, e, "127.0.0.1", false)
	m := newMove(t, e, Config{})
	open := descriptorsOpen(t)
	var usual syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &usual); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { syscall.Setrlimit(syscall.RLIMIT_NOFILE, &usual) })
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: uint64(leg.conn.(*udpSocket).fd), Max: usual.Max}); err != nil {
		t.Skip(err)
	}
	err := m.giving.Sockets()
	syscall.Setrlimit(syscall.RLIMIT_NOFILE, &usual)
	if !errors.Is(err, syscall.EMFILE) || !strings.Contains(err.Error(), "LimitNOFILE") {
		t.Errorf("sent without a descriptor left: %v", err)
	}
	if now := descriptorsOpen(t); now != open {
		t.Errorf("%d descriptors are open, there were %d", now, open)
	}
	if err := m.giving.State(); err == nil || !strings.Contains(err.Error(), "not paused") {
		t.Errorf("the state of an engine that runs: %v", err)
	}
}

// What the other process does not understand is refused before anything is stopped.
func TestUnknownVersionIsRefused(t *testing.T) {
	for _, version := range []string{strconv.Itoa(stateVersion + 1), "0", "-1", "new"} {
		e := newTestEngine(t, Config{Loops: 1})
		m := newMove(t, e, Config{})
		gave, took := m.both(func() error { return m.ends[0].Send(kindVersion, []byte(version)) }, m.taking.Sockets)
		if gave != nil || took == nil || !strings.Contains(took.Error(), "version "+version) || !strings.Contains(took.Error(), "reads version 1") {
			t.Errorf("version %s: %v", version, took)
		}
	}
}

func TestOutOfStep(t *testing.T) {
	e := newTestEngine(t, Config{Loops: 1})
	openOn(t, e, "127.0.0.1", false)
	for name, send := range map[string]func(m *move) error{
		"no version": func(m *move) error { return m.ends[0].Send("hello", nil, 0) },
		"no sockets": func(m *move) error {
			return errors.Join(m.ends[0].Send(kindVersion, []byte("1")), m.ends[0].Send("hello", nil, 0))
		},
		"rubbish": func(m *move) error {
			return errors.Join(m.ends[0].Send(kindVersion, []byte("1")), m.ends[0].Send(kindSockets, []byte("rubbish"), 0, 0))
		},
		"the wrong number": func(m *move) error {
			m.giving.line.Send(kindVersion, []byte("1"))
			return m.giving.send(kindSockets, &parcel{Sockets: make([]netip.AddrPort, 2)}, 0)
		},
		"no UDP sockets": func(m *move) error {
			m.giving.line.Send(kindVersion, []byte("1"))
			return m.giving.send(kindSockets, &parcel{Sockets: make([]netip.AddrPort, 1)}, 0, 0)
		},
	} {
		before := descriptorsOpen(t)
		m := newMove(t, e, Config{})
		gave, took := m.both(func() error { return send(m) }, m.taking.Sockets)
		t.Logf("%s: %v", name, took)
		if gave != nil || took == nil {
			t.Errorf("%s: %v, %v", name, gave, took)
		}
		m.taking.Close()
		m.ends[0].Close()
		m.ends[1].Close()
		if now := descriptorsOpen(t); now > before {
			t.Errorf("%s: %d descriptors are open, there were %d", name, now, before)
		}
	}
}

// An image that does not fit together is refused, and so is one without its sockets; then nothing is left of the new engine.
func TestDamagedImagesAreRefused(t *testing.T) {
	w := newTwin(LegConfig{})
	w.leg.Update(Session{Remote: netip.MustParseAddrPort("192.0.2.9:4000"), Codec: codec.PCMA})
	w.leg.Pull(int64(frameTime))
	sound, _ := w.leg.Save()
	for name, damage := range map[string]func(im *LegImage){
		"its codec":         func(im *LegImage) { im.Codec = "OPUS" },
		"what was agreed":   func(im *LegImage) { im.Control.Agreed.Codec = "OPUS" },
		"its socket":        func(im *LegImage) { im.Local = netip.MustParseAddrPort("192.0.2.1:20002") },
		"its frames":        func(im *LegImage) { im.State.Playout.Frame = 320 },
		"its packets":       func(im *LegImage) { im.State.Playout.Playing = true },
		"its sound":         func(im *LegImage) { im.Sound.Samples = make([]byte, 1<<16) },
		"its pitch":         func(im *LegImage) { im.Sound.Cycle = make([]byte, 1<<10) },
		"what has come":     func(im *LegImage) { im.Sound.Have = []int{0, 8000} },
		"less than nothing": func(im *LegImage) { im.Sound.Have = []int{-1} },
		"its packet":        func(im *LegImage) { im.Filling = make([]byte, 160) },
		"its RTCP":          func(im *LegImage) { im.Mux = 1 },
		"its RTCP too":      func(im *LegImage) { im.Control.Mux = -1 },
		"an order":          func(im *LegImage) { im.Orders = []OrderImage{{Negotiated: true}} },
		"its codec again":   func(im *LegImage) { im.Orders = []OrderImage{{Negotiated: true, Agreed: Agreed{Codec: "OPUS"}}} },
		"an order's RTCP": func(im *LegImage) {
			im.Orders = []OrderImage{{Negotiated: true, Agreed: Agreed{Codec: "PCMA"}, Mux: 3}}
		},
	} {
		im := sound
		damage(&im)
		leg, err := RestoreLeg(LegConfig{}, &im, w.rtp, w.rtcp)
		if err == nil || !strings.Contains(err.Error(), "restore the leg at 192.0.2.1:2000") {
			t.Errorf("damaged in %s: %v, %v", name, leg, err)
		}
	}
	if _, err := RestoreLeg(LegConfig{}, &sound, w.rtp, w.rtcp); err != nil {
		t.Error(err)
	}
	w.leg.Close()
	if _, open := w.leg.Save(); open {
		t.Error("a leg that is closed is saved as open")
	}
}

func TestE2EALegWithoutSocketsIsRefused(t *testing.T) {
	old := newTestEngine(t, Config{Loops: 1})
	leg, _ := openOn(t, old, "127.0.0.1", false)
	m := newMove(t, old, Config{Loops: 1})
	m.sockets()
	if err := old.Pause(5 * time.Second); err != nil {
		t.Fatal(err)
	}
	m.taking.Close()
	gave, took := m.both(m.giving.State, func() error { _, _, err := m.taking.State(); return err })
	if gave != nil || took == nil || !strings.Contains(took.Error(), "no sockets came for the leg at "+leg.LocalAddr().String()) {
		t.Errorf("%v, %v", gave, took)
	}
	old.Resume()
	if leg.given.Load() {
		t.Error("the leg is given away after the pause")
	}
}

// A leg by itself, over its descriptors; they are closed when nothing becomes of it.
func TestRestoreTakesTheDescriptors(t *testing.T) {
	old := newTestEngine(t, Config{Loops: 1})
	leg, _ := openOn(t, old, "127.0.0.1", false)
	im, _ := leg.Save()
	if err := old.Pause(5 * time.Second); err != nil {
		t.Fatal(err)
	}
	state := old.Save()
	e, err := Continue(Config{Ports: PortRange{30000, 30999}, Loops: 3}, &state) // more loops than there were
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if due := e.Save().Due; len(due) != 3 || (due[0]-state.Due[0])%int64(frameTime) != 0 || due[1] == 0 {
		t.Errorf("loops are due at %v, and the one before at %v", due, state.Due)
	}
	open := descriptorsOpen(t)
	for name, restore := range map[string]func(rtp, rtcp int) (*Leg, error){
		"another leg's sockets": func(rtp, rtcp int) (*Leg, error) { return e.Restore(&im, rtcp, rtp) },
		"a damaged image":       func(rtp, rtcp int) (*Leg, error) { return e.Restore(&LegImage{Local: im.Local}, rtp, rtcp) },
		"no socket": func(rtp, rtcp int) (*Leg, error) {
			syscall.Close(rtcp)
			return e.Restore(&im, rtp, rtcp)
		},
	} {
		both, _, err := leg.descriptors()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := restore(both[0], both[1]); err == nil {
			t.Errorf("restored from %s", name)
		}
		if now := descriptorsOpen(t); now != open {
			t.Errorf("%s: %d descriptors are open, there were %d", name, now, open)
		}
	}
	both, _, err := leg.descriptors()
	if err != nil {
		t.Fatal(err)
	}
	other, err := e.Restore(&im, both[0], both[1])
	if err != nil || other.LocalAddr() != leg.LocalAddr() || e.Stats().Ports != 1 {
		t.Fatalf("restored %v: %v, %+v", other, err, e.Stats())
	}
	if _, err := e.openOn(im.Local.Addr(), im.Local.Port()); !errors.Is(err, errPortBusy) {
		t.Errorf("its port was opened a second time: %v", err)
	}
	e.Abandon()
	if now := descriptorsOpen(t); now > open {
		t.Errorf("%d descriptors are open, there were %d", now, open)
	}
}

// A draft spares what is as it was; what has changed since goes whole, and a draft that never came is missed.
func TestDrafts(t *testing.T) {
	old := newTestEngine(t, Config{Loops: 1})
	same, _ := openOn(t, old, "127.0.0.1", false)
	moved, _ := openOn(t, old, "127.0.0.1", false)
	loop := old.Loop()
	on(loop, func() {
		for _, leg := range []*Leg{same, moved} {
			loop.Attach(leg)
			loop.Add(carousel{leg})
		}
	})
	on(loop, func() {})
	m := newMove(t, old, Config{Loops: 1})
	m.sockets()
	m.drafts()
	elsewhere := netip.MustParseAddrPort("127.0.0.1:9")
	moved.Update(Session{Remote: elsewhere, Codec: codec.PCMA})
	for done := false; !done; {
		on(loop, func() { done = moved.state.Agreed.Remote == elsewhere })
	}
	if err := m.giving.Stop(5 * time.Second); err != nil { // little enough for the socket to hold
		t.Fatal(err)
	}
	for _, leg := range []*Leg{same, moved} {
		im, _ := leg.Save()
		im.abridge(m.giving.drafts[im.Local])
		if im.Drafted != (leg == same) || im.Drafted != (im.State.Agreed == Agreed{}) {
			t.Errorf("drafted: %t, agreed %+v", im.Drafted, im.State.Agreed)
		}
	}
	_, legs := m.state()
	for _, leg := range []*Leg{same, moved} {
		if got := legs[leg.LocalAddr()]; got == nil || got.state.Agreed != leg.state.Agreed || got.state.Latch != leg.state.Latch {
			t.Errorf("the leg at %s is %+v", leg.LocalAddr(), got)
		}
	}
	old.Abandon()

	m = newMove(t, old, Config{})
	gave, took := m.both(func() error {
		m.giving.send(kindSockets, &parcel{Last: true})
		return m.giving.send(kindLegs, &parcel{Legs: []LegImage{{Local: same.LocalAddr(), Drafted: true}}})
	}, func() error {
		m.taking.blank[same.LocalAddr()] = same
		_, _, err := m.taking.State()
		clear(m.taking.blank)
		return err
	})
	if gave != nil || took == nil || !strings.Contains(took.Error(), "no draft came of the leg at "+same.LocalAddr().String()) {
		t.Errorf("%v, %v", gave, took)
	}
}
