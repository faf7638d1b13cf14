package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/sipconf/sipconf/bench/phone"
)

// settling is how long after the last join the measurement begins: the join tones are over then.
const settling = 2 * time.Second

// run is a whole run against the server that start starts.
func run(ctx context.Context, o *options, start func(context.Context, *options) (*server, error)) (*report, error) {
	plan, err := newPlan(o.legs, o.rooms, o.talkers)
	if err != nil {
		return nil, err
	}
	local, err := phonesAddr(o.phones)
	if err != nil {
		return nil, err
	}
	s, err := start(ctx, o)
	if err != nil {
		return nil, err
	}
	plan.said -= o.softer
	l := &load{o: o, plan: plan, pump: phone.NewPump(), server: s}
	r := &report{Legs: o.legs, Rooms: o.rooms, Talkers: o.talkers, Seconds: o.time.Seconds(), Level: plan.said}
	if err := l.measure(ctx, local, r); err != nil {
		// First, for a server that has broken down may take both processors for minutes: a ConfBridge with 333 rooms of 3 had 2,000 threads
		// that could run.
		s.stop()
		l.close()
		return nil, fmt.Errorf("%w%s", err, s.tail)
	}
	l.close()
	took, clean := s.stop()
	r.Shutdown, r.UncleanStop = milliseconds(took), !clean
	r.judge(o.limits)
	return r, nil
}

// measure goes through the phases.
func (l *load) measure(ctx context.Context, local netip.AddrPort, r *report) (err error) {
	defer func() {
		if err != nil {
			l.server.tail = l.server.logTail() // before stop removes it
		}
	}()
	if err := l.openPhones(local); err != nil {
		return err
	}
	if !l.server.ready {
		if err := l.server.awaitReady(ctx, l.legs[0].phone); err != nil {
			return err
		}
	}
	l.server.metrics(ctx) // what it takes to answer this once is none of the legs'
	empty, known := use(l.server.pid)
	say("%d legs call in at %.0f per second, %d rooms, server %s", l.o.legs, l.o.rate, l.o.rooms, l.server.addr)
	if err := l.callIn(ctx); err != nil {
		return fmt.Errorf("calling in: %w", err)
	}
	l.speak()
	if err := pause(ctx, settling+l.plan.rising()+l.plan.length()); err != nil {
		return err
	}
	if err := l.hearAll(ctx, r); err != nil {
		return err
	}
	full, _ := use(l.server.pid)
	if err := l.upgradeAll(ctx, r); err != nil {
		return err
	}
	if l.server.plain == nil && l.o.bursts > 0 { // a floor repeats nothing that is said
		say("%d beeps in each room", l.o.bursts)
		l.fallSilent()
		times, missed, err := l.mouthToEar(ctx)
		if err != nil {
			return err
		}
		r.beeps(times, missed)
	}
	say("hanging up")
	dropped, err := l.hangUp(ctx)
	if err != nil {
		return fmt.Errorf("hanging up: %w", err)
	}
	r.Dropped = dropped
	if l.o.compare { // what is left afterwards is no figure of a comparison
		r.memory(empty, full, usage{})
		return nil
	}
	if err := pause(ctx, settling); err != nil {
		return err
	}
	if left, _ := use(l.server.pid); known {
		r.memory(empty, full, left)
	}
	return nil
}

// hearAll is the long phase: all speak, and everything is counted.
func (l *load) hearAll(ctx context.Context, r *report) error {
	say("all speak for %s", l.o.time)
	told := l.server.metrics(ctx)
	for _, leg := range l.legs {
		leg.call.ResetHeard()
	}
	before, known := use(l.server.pid)
	ownBefore, _ := use(os.Getpid())
	busyBefore, _ := machineBusy()
	stolenBefore := machineStolen()
	skipped := l.pump.Stats().Skipped
	begin := time.Now()
	speaking, cancel := context.WithTimeout(ctx, l.o.time)
	defer cancel()
	var watching sync.WaitGroup
	watching.Go(func() { l.server.watch(speaking, scrapeEvery) }) // ends with the phase
	heard := &listening{plan: l.plan}
	heard.listen(speaking, l.legs)
	watching.Wait()
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	after, _ := use(l.server.pid)
	ownAfter, _ := use(os.Getpid())
	busyAfter, _ := machineBusy()
	stolen := machineStolen() - stolenBefore
	span := time.Since(begin)
	r.packets(l.legs, span)
	r.metrics = l.server.metrics(ctx).since(told)
	if known {
		r.cpu(after.CPU-before.CPU, after.System-before.System, span)
	}
	r.GeneratorCPU = 100 * (ownAfter.CPU - ownBefore.CPU).Seconds() / span.Seconds()
	if known {
		others := busyAfter - busyBefore - (after.CPU - before.CPU) - (ownAfter.CPU - ownBefore.CPU)
		r.OthersCPU, r.StolenCPU = max(0, 100*others.Seconds()/span.Seconds()), 100*stolen.Seconds()/span.Seconds()
	}
	if l.server.plain == nil { // a floor mixes nothing
		r.Tones = heard.verdict()
	}
	pump := l.pump.Stats()
	r.GeneratorLate, r.GeneratorSkipped = milliseconds(pump.LateMax), pump.Skipped-skipped
	return nil
}
