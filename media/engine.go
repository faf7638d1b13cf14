package media

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"time"
)

// errPortBusy says that a port belongs to another process: the next pair is tried.
var errPortBusy = errors.New("port in use")

// Config is what an Engine needs to know.  The zero value is good; immutable after New.
type Config struct {
	Ports     PortRange                 // UDP ports for legs; zero: 20000 to 29999
	PortRest  time.Duration             // how long a pair of ports rests between two calls while there are others; zero: 5 s
	Loops     int                       // media loops; zero: GOMAXPROCS
	Hands     int                       // how many help a loop with a large room; zero: GOMAXPROCS less one; less: none
	MuteMusic bool                      // whether music on hold is kept out of the rooms
	JitterMax time.Duration             // the longest that a packet may wait until it is played, MostJitter at most; zero: 120 ms
	Level     bool                      // voices are brought to -23 dBFS (Levelling)
	Broken    func(bus Bus, reason any) // told when a bus was removed because its Tick panicked; not on a loop; nil: nobody
	Log       *slog.Logger              // nil: slog.Default()
}

// Engine owns the media of the process: its loops, its RTP ports, its legs and the RTCP reporter.
// Safe for concurrent use.
type Engine struct {
	cfg      Config
	ports    *ports
	loops    []*Loop
	reporter *reporter
	broken   *breakages
	logging  sync.WaitGroup

	mu     sync.Mutex
	legs   map[*Leg]struct{}
	past   LegStats // of the legs that are closed
	halt   *halt    // nil: it is not
	closed bool
}

// New starts the loops and the RTCP reporter.  It opens no sockets.  Close ends everything.
func New(cfg Config) (*Engine, error) { return start(cfg, nil) }

// start is New, and Continue if there is an image.
func start(cfg Config, im *EngineImage) (*Engine, error) {
	if cfg.PortRest == 0 {
		cfg.PortRest = 5 * time.Second
	}
	if cfg.Loops == 0 {
		cfg.Loops = runtime.GOMAXPROCS(0)
	}
	if cfg.Hands == 0 {
		cfg.Hands = runtime.GOMAXPROCS(0) - 1
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	ports, err := newPorts(cfg.Ports, cfg.PortRest)
	if err != nil {
		return nil, err
	}
	e := &Engine{cfg: cfg, ports: ports, broken: newBreakages(), legs: make(map[*Leg]struct{})}
	first := firstTicks(monotonic(), cfg.Loops)
	if im != nil {
		e.halt, e.past = newHalt(cfg.Loops), im.Past
		e.ports.restore(&im.Ports)
		copy(first, im.Due)
	}
	for i := range first {
		loop, err := startLoop(first[i], cfg.Hands, e.broken, e.halt)
		if err != nil {
			e.Resume()
			for _, l := range e.loops {
				l.close()
			}
			return nil, err
		}
		loop.number = i // before anybody sees it
		e.loops = append(e.loops, loop)
	}
	e.reporter = startReporter(e, e.halt)
	e.logging.Add(1)
	go e.logBroken() // ends when Close closes the wake-up; Close waits
	if e.halt != nil {
		e.halt.wait(cfg.Loops + 1)
	}
	return e, nil
}

// firstTicks are the first deadlines of so many loops, spread over 10 ms, so that they do not all wake at once.  In the other 10 of each 20 ms nothing is
// due: that is when another process can take over (lastRound).
func firstTicks(now int64, loops int) []int64 {
	first := make([]int64, loops)
	for i := range first {
		first[i] = now/int64(frameTime)*int64(frameTime) + int64(frameTime) + int64(i)*int64(frameTime)/2/int64(loops)
	}
	return first
}

func (e *Engine) logBroken() {
	defer e.logging.Done()
	for range e.broken.wake {
		for _, b := range e.broken.take() {
			b.report(e.cfg.Log, e.cfg.Broken)
		}
	}
}

// Open binds a pair of ports, RTP on the even one and RTCP on the one above, on exactly the local address, and returns
// the leg on them, which no loop owns yet.  ErrNoPorts: the range is used up.  Any other error is of the address.
// The address must be a concrete one (not 0.0.0.0): packets have to leave from the address that SDP names.
func (e *Engine) Open(local netip.Addr) (*Leg, error) {
	local = local.Unmap()
	if !local.IsValid() || local.IsUnspecified() || local.IsMulticast() {
		return nil, fmt.Errorf("open RTP socket: %q is not an address to bind a call to", local)
	}
	for range len(e.ports.lent) {
		port, err := e.ports.take(time.Now())
		if err != nil {
			return nil, err
		}
		leg, err := e.openOn(local, port)
		if err == nil {
			return leg, nil
		}
		if !errors.Is(err, errPortBusy) {
			e.ports.give(port, e.ports.last(port, time.Now()), time.Now())
			return nil, err
		}
		e.ports.refused(port, time.Now())
	}
	return nil, e.ports.exhausted()
}

// openOn opens both sockets of a leg, or none.
func (e *Engine) openOn(local netip.Addr, port uint16) (*Leg, error) {
	rtp, err := listenUDP(netip.AddrPortFrom(local, port))
	if err != nil {
		return nil, fmt.Errorf("open RTP socket: %w", err)
	}
	rtcp, err := listenUDP(netip.AddrPortFrom(local, port+1))
	if err != nil {
		rtp.Close()
		return nil, fmt.Errorf("open RTCP socket: %w", err)
	}
	leg := NewLeg(LegConfig{JitterMax: e.cfg.JitterMax, MuteMusic: e.cfg.MuteMusic, Level: e.cfg.Level}, rtp)
	leg.control.conn = rtcp
	leg.state.Latch.Gone = e.ports.last(port, time.Now())
	leg.control.gone = leg.state.Latch.Gone
	leg.release = e.release
	if err := e.enlist(leg); err != nil {
		rtp.Close()
		rtcp.Close()
		return nil, err
	}
	return leg, nil
}

// enlist puts a leg on the list, unless there is none any more.
func (e *Engine) enlist(leg *Leg) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return errors.New("open RTP socket: the media engine is closed")
	}
	e.legs[leg] = struct{}{}
	return nil
}

// release takes the ports of a closed leg back.
func (e *Engine) release(leg *Leg) {
	stats := leg.Stats()
	e.mu.Lock()
	delete(e.legs, leg)
	e.past.add(stats)
	e.mu.Unlock()
	e.ports.give(leg.LocalAddr().Port(), leg.stream(), time.Now())
}

// all is a snapshot of the open legs, added to legs.
func (e *Engine) all(legs []*Leg) []*Leg {
	e.mu.Lock()
	defer e.mu.Unlock()
	legs = slices.Grow(legs, len(e.legs))
	for leg := range e.legs {
		legs = append(legs, leg)
	}
	return legs
}

// Loop is where the next room goes: the loops are filled one after the other, and when all are full, the one on which the fewest legs are expected
// gets it.  A loop without a bus sleeps: the same legs on one loop take less CPU than on two (docs/architecture.md), because every wake-up begins
// with a cold cache, and what two cores write by turns has to come over from the other one.  What the hands of a large room take of the other cores is
// not counted: it is the same for all loops but the room's own, which has more legs than any.
func (e *Engine) Loop() *Loop {
	best := e.loops[0]
	for _, l := range e.loops {
		if !l.full() {
			return l
		}
		if l.expected.Load() < best.expected.Load() {
			best = l
		}
	}
	return best
}

// Relief is where a bus with so many legs had better go from its loop, which is full by now; nil: it had better stay.  Both are more alike then than before, so
// that none goes back and forth.
func (e *Engine) Relief(from *Loop, legs int) *Loop {
	if !from.full() {
		return nil
	}
	if to := e.Loop(); to.expected.Load()+int64(legs) <= from.expected.Load()-int64(legs) {
		return to
	}
	return nil
}

// Numbered is the loop with that number, for a room that was on it in another process and whose ticks are to go on at its deadlines; one that Loop
// chooses, if there are fewer here.
func (e *Engine) Numbered(number int) *Loop {
	if number >= 0 && number < len(e.loops) {
		return e.loops[number]
	}
	return e.Loop()
}

// Close ends the reporter, all legs and the loops, also if they are paused, and waits for them.  Safe to call twice.
func (e *Engine) Close() {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return
	}
	e.closed = true
	e.mu.Unlock()
	e.Resume()
	e.end()
}

// end is Close for whoever has set closed.
func (e *Engine) end() {
	e.reporter.close()
	var legs sync.WaitGroup // each waits for a tick of its loop
	for _, leg := range e.all(nil) {
		legs.Go(leg.Close)
	}
	legs.Wait()
	for _, l := range e.loops {
		l.close()
	}
	close(e.broken.wake)
	e.logging.Wait()
}

// Stats is how the engine does.  Plain data, a snapshot.
type Stats struct {
	Ticks     uint64        // ticks run, of all loops
	LateTicks uint64        // ticks that began 5 ms or more after their deadline
	Skipped   uint64        // ticks that never ran because the loop was more than three behind
	Panics    uint64        // panics that loops survived
	WakeP50   time.Duration // half of the ticks began within this time after their deadline
	WakeP99   time.Duration
	WakeMax   time.Duration
	EndP50    time.Duration // half of the ticks had ended within this time after their deadline
	EndP99    time.Duration
	Legs      int // open legs
	Attached  int // legs that a loop owns
	Ports     int // pairs of ports in use
}

// Stats counts since New.  Cheap, but not for every tick.
func (e *Engine) Stats() Stats {
	var s Stats
	var wake, end []*histogram
	for _, l := range e.loops {
		s.Ticks += l.clock.ticks.Load()
		s.LateTicks += l.clock.late.Load()
		s.Skipped += l.clock.skipped.Load()
		s.Panics += l.clock.panics.Load()
		s.Attached += int(l.legs.Load())
		wake, end = append(wake, &l.clock.wake), append(end, &l.clock.end)
	}
	w, d := quantiles(wake, 0.5, 0.99, 1), quantiles(end, 0.5, 0.99)
	s.WakeP50, s.WakeP99, s.WakeMax, s.EndP50, s.EndP99 = w[0], w[1], w[2], d[0], d[1]
	s.Ports = e.ports.inUse()
	e.mu.Lock()
	s.Legs = len(e.legs)
	e.mu.Unlock()
	return s
}
