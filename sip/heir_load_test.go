package sip

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// TestLoadDuringHandovers: people call, press keys, hold and hang up while one
// user agent after the other takes over. Nobody is refused anything.
func TestLoadDuringHandovers(t *testing.T) {
	inWorld(t, func(c *Config, h *Handler) {
		*h = func(ctx context.Context, call *Call) {
			call.Ring()
			if call.Extra("X-Thinks") != "" {
				time.Sleep(30 * time.Millisecond)
			}
			if call.Answer(ctx) != nil {
				return
			}
			leaves := make(<-chan time.Time)
			if call.Extra("X-Ends") != "" {
				leaves = time.After(15 * time.Millisecond)
			}
			select {
			case <-leaves:
			case <-ctx.Done():
			}
		}
	}, func(w *world) {
		const callers, each = 30, 20
		var all sync.WaitGroup
		done := make(chan int, callers)
		for i := range callers {
			p, r := w.phone(), rand.New(rand.NewPCG(1, uint64(i)))
			defer p.answersAgain()()
			all.Go(func() {
				n := 0
				defer func() { done <- n }()
				for k := range each {
					p.callID, p.toTag = fmt.Sprintf("call-%d-%d", i, k), ""
					p.talks(r)
					n++
				}
			})
		}
		over := make(chan struct{})
		go func() { all.Wait(); close(over) }()
		handovers := 0
		for begun := true; begun; {
			select {
			case <-over:
				begun = false
			case <-time.After(time.Duration(30+rand.IntN(70)) * time.Millisecond):
				w.handsOver()
				handovers++
			}
		}
		total := 0
		for range callers {
			total += <-done
		}
		if total != callers*each || handovers < 5 {
			t.Errorf("%d of %d calls were good, during %d hand-overs", total, callers*each, handovers)
		}
	})
}

// answersAgain answers the same BYE as often as it comes, as a transaction does:
// the answer to it may have been the last that somebody has read.
func (p *phone) answersAgain() (ended func()) {
	wire, over := make(chan string, 64), make(chan struct{})
	p.w.wire.listen(p.addr, wire)
	go func() { // ends with the test
		known := map[string]bool{}
		for {
			var text string
			select {
			case text = <-wire:
			case <-over:
				return
			}
			msg, err := sipgo.ParseMessage([]byte(text))
			if err != nil {
				p.w.t.Errorf("got what is no message: %v", err)
				continue
			}
			if req, ok := msg.(*sipgo.Request); ok && req.Method == sipgo.BYE {
				branch := branchOf(req)
				if known[branch] {
					p.answers(req, 200, "")
					continue
				}
				known[branch] = true
			}
			p.inbox <- text
		}
	}()
	return func() { close(over) }
}

// talks is a whole call with something in it.
func (p *phone) talks(r *rand.Rand) {
	var headers []string
	ends := r.IntN(3) == 0
	if ends {
		headers = append(headers, "X-Ends: yes")
	}
	if r.IntN(2) == 0 {
		headers = append(headers, "X-Thinks: yes")
	}
	time.Sleep(time.Duration(r.IntN(40)) * time.Millisecond)
	p.invites(pcmaSDP, headers...)
	p.wants(200)
	time.Sleep(time.Duration(r.IntN(10)) * time.Millisecond)
	p.acks("")
	if ends {
		p.wantsRequest("BYE", 3*time.Second, 200)
		return
	}
	time.Sleep(time.Duration(r.IntN(60)) * time.Millisecond)
	if r.IntN(2) == 0 {
		p.sends("INFO", "Signal=1\r\nDuration=160\r\n", "Content-Type: application/dtmf-relay")
		p.wants(200)
	}
	if r.IntN(2) == 0 {
		p.invites(pcmaSDP)
		p.wants(200)
		p.acks("")
	}
	time.Sleep(time.Duration(r.IntN(10)) * time.Millisecond)
	p.hangsUp()
}
