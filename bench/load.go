package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/sipconf/sipconf/bench/phone"
)

// firstNumber is the telephone number of the first leg; the others follow.
const firstNumber = 700000

// leg is one caller.
type leg struct {
	seat
	phone *phone.Phone
	call  *phone.Call
	setup time.Duration // INVITE to ACK
}

// load is all callers.
type load struct {
	o      *options
	plan   *plan
	pump   *phone.Pump
	server *server
	legs   []*leg
}

// inTurn runs f for each leg, begun at a bounded rate, and joins the errors (ten at most).
func (l *load) inTurn(ctx context.Context, rate float64, f func(*leg) error) error {
	step := time.NewTicker(time.Duration(float64(time.Second) / rate))
	defer step.Stop()
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed []error
	for i, leg := range l.legs {
		select {
		case <-step.C:
		case <-ctx.Done():
			wg.Wait()
			return context.Cause(ctx)
		}
		wg.Go(func() {
			if err := f(leg); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed = append(failed, fmt.Errorf("leg %d: %w", i, err))
			}
		})
	}
	wg.Wait()
	if n := len(failed); n > 10 {
		return errors.Join(append(failed[:10:10], fmt.Errorf("and %d more", n-10))...)
	}
	return errors.Join(failed...)
}

// openPhones makes the phones: half of them prefer mu-law, so that both laws meet in each room.
func (l *load) openPhones(local netip.AddrPort) error {
	for i, s := range l.plan.legs {
		codecs := []phone.Codec{phone.PCMA, phone.PCMU}
		if s.place%2 == 1 {
			codecs = []phone.Codec{phone.PCMU, phone.PCMA}
		}
		p, err := phone.New(phone.Config{Local: local, Name: fmt.Sprintf("Leg %d", i), Number: fmt.Sprintf("%d", firstNumber+i),
			Codecs: codecs, Pump: l.pump, Memory: l.memory(), Loyal: true})
		if err != nil {
			return err
		}
		l.legs = append(l.legs, &leg{seat: s, phone: p})
	}
	return nil
}

// memory is how much each phone keeps of what it hears.
func (l *load) memory() time.Duration {
	if l.o.upgrades > 0 {
		return earTime
	}
	return l.plan.length()
}

// callIn dials all rooms; the legs of a floor need not dial.
func (l *load) callIn(ctx context.Context) error {
	if l.server.plain != nil {
		return l.connect()
	}
	return l.inTurn(ctx, l.o.rate, func(leg *leg) error {
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		begin := time.Now()
		uri := fmt.Sprintf("sip:%s%d@%s", l.o.prefix, l.o.firstRoom+leg.room, l.server.addr)
		call, err := leg.phone.Call(ctx, uri)
		if err != nil {
			return err
		}
		leg.call, leg.setup = call, time.Since(begin)
		return nil
	})
}

// connect gives each leg its socket of a floor.
func (l *load) connect() error {
	for i, leg := range l.legs {
		var err error
		if leg.call, err = leg.phone.Connect(l.server.plain[i]); err != nil {
			return fmt.Errorf("leg %d: %w", i, err)
		}
	}
	return nil
}

// hangUp ends all calls; those that have ended before were dropped by the server.
func (l *load) hangUp(ctx context.Context) (dropped []string, err error) {
	for i, leg := range l.legs {
		if leg.call == nil {
			continue
		}
		select {
		case <-leg.call.Done():
			e := leg.call.Ending()
			dropped = append(dropped, fmt.Sprintf("leg %d: %s %v", i, strings.Join(e.Reasons, ", "), e.Err))
		default:
		}
	}
	rate := 2 * l.o.rate
	if l.server.plain != nil {
		rate = 10_000 // nobody is told
	}
	err = l.inTurn(ctx, rate, func(leg *leg) error {
		if leg.call == nil {
			return nil
		}
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		return leg.call.Hangup(ctx)
	})
	return dropped, err
}

// close ends what is left.
func (l *load) close() {
	var wg sync.WaitGroup
	for _, leg := range l.legs {
		wg.Go(leg.phone.Vanish)
	}
	wg.Wait()
	l.pump.Close()
}

// speak lets all talkers say their tones.
func (l *load) speak() {
	for _, leg := range l.legs {
		if leg.talks {
			leg.call.Speak(phone.Tone(leg.hz, l.plan.said))
		}
	}
}

// fallSilent ends all speech.
func (l *load) fallSilent() {
	for _, leg := range l.legs {
		leg.call.Speak(nil)
	}
}
