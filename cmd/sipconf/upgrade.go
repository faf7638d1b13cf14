package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sipconf/sipconf/asterisk/ami"
	"github.com/sipconf/sipconf/rooms"
)

// The outcomes by which upgrades are counted.
const (
	upgradeDone      = "done"
	upgradeAgain     = "again" // the same call, a moment ago
	upgradeMalformed = "malformed"
	upgradeLoop      = "loop" // one of them is in a room already
	upgradeNoNumber  = "no_number"
	upgradeRoomFull  = "room_full"
	upgradeLocked    = "locked"
	upgradeFull      = "server_full"
	upgradeFailed    = "failed"
)

var upgradeOutcomes = []string{
	upgradeDone, upgradeAgain, upgradeMalformed, upgradeLoop, upgradeNoNumber, upgradeRoomFull, upgradeLocked, upgradeFull, upgradeFailed,
}

const (
	redirectTime = 5 * time.Second // that Asterisk may take
	sameCall     = 5 * time.Second // in which a channel's second *1 is the first one again: two press at once, or one twice
)

// upgrader makes a conference of a call between two phones of one Asterisk: both keep their calls there, and the other end of each
// becomes the room. It is the way of those two alone: whom it cannot bring into the room it leaves as they are.
// Its functions are called by one goroutine.
type upgrader struct {
	pbx      manager
	leads    func(number, room string) bool // whether who dials that number comes into that room
	admits   func(room string, n int) error // why n callers would find no seat there
	count    func(outcome string)
	panicked *atomic.Uint64 // how many panics were survived
	log      *slog.Logger

	session uint64               // the manager's, by its number
	done    map[string]time.Time // when channels were redirected, those of the last sameCall in this session
}

// ownEndpoint is what that Asterisk calls us.
const ownEndpoint = "PJSIP/sipconf"

// ownChannels is how the names of our own calls begin at an Asterisk with sipconf/pjsip.conf. Its sipconf/features.conf sees to it
// that we are not asked to move them.
const ownChannels = ownEndpoint + "-"

// exchange is an *ami.Client.
type exchange interface {
	Evaluate(ctx context.Context, function string) (string, error)
	Redirect(ctx context.Context, channels [2]string, to ami.Place) error
}

// errAgain is no trouble.
var errAgain = errors.New("it is becoming one already")

// during says in which session of the manager the next event has come. With a new one Asterisk may have started anew, and its
// channels have the names of old ones.
func (u *upgrader) during(session uint64) {
	if session != u.session {
		u.session = session
		clear(u.done)
	}
}

// hear does what an event of the dialplan asks for, if it is about us.
func (u *upgrader) hear(ctx context.Context, asterisk exchange, event ami.Message) {
	defer func() {
		if r := recover(); r != nil {
			u.panicked.Add(1)
			u.log.Error("panic in an upgrade: please report it", "err", r, "stack", string(debug.Stack()))
		}
	}()
	request, ours, err := ami.ParseRequest(event)
	if !ours {
		return
	}
	outcome := upgradeMalformed
	if err == nil {
		outcome, err = u.upgrade(ctx, asterisk, request, time.Now())
	}
	u.count(outcome)
	log := u.log.With("pbx", u.pbx.label(), "room", request.Room, "channel", request.Channels[0], "peer", request.Channels[1])
	switch outcome {
	case upgradeDone:
		log.Info("a call between two has become a conference")
	case upgradeAgain:
		log.Debug("a call between two was to become a conference", "err", err)
	case upgradeMalformed, upgradeLoop, upgradeFailed:
		log.Warn("a call between two could not become a conference", "err", err)
	default:
		log.Info("a call between two could not become a conference", "err", err)
	}
}

// upgrade sends both channels into the room, unless it is known that one of them would not get in.
func (u *upgrader) upgrade(ctx context.Context, asterisk exchange, r ami.Request, now time.Time) (outcome string, err error) {
	if u.again(r.Channels, now) {
		return upgradeAgain, errAgain
	}
	if strings.HasPrefix(r.Channels[0], ownChannels) || strings.HasPrefix(r.Channels[1], ownChannels) {
		return upgradeLoop, errors.New("one of them is a call of ours, so that two rooms would be one: is sipconf/features.conf there as it was shipped?")
	}
	to := u.pbx.place(r.Room)
	if !u.leads(to.Exten, r.Room) {
		return upgradeNoNumber, fmt.Errorf("the number %s does not lead to this room: see numbers in the configuration", to.Exten)
	}
	if err := u.admits(r.Room, len(r.Channels)); err != nil {
		return admissionOutcome(err), err
	}
	ctx, cancel := context.WithTimeout(ctx, redirectTime)
	defer cancel()
	if err := reaches(ctx, asterisk); err != nil {
		return upgradeFailed, err
	}
	for _, channel := range r.Channels {
		u.done[channel] = now
	}
	if err := asterisk.Redirect(ctx, r.Channels, to); err != nil {
		for _, channel := range r.Channels {
			delete(u.done, channel) // they may try once more
		}
		return upgradeFailed, err
	}
	return upgradeDone, nil
}

// reaches says why calls of that Asterisk do not come to us: it believes that we are not there, for up to qualify_frequency after our
// start, and would hang them up. One whose endpoint has another name, or without the function, does not say.
func reaches(ctx context.Context, asterisk exchange) error {
	state, err := asterisk.Evaluate(ctx, "DEVICE_STATE("+ownEndpoint+")")
	if err == nil && state == "UNAVAILABLE" {
		err = errors.New("for Asterisk sipconf is Unavail, so that both would be hung up: pjsip show contacts says when it is there again")
	}
	return err
}

// again says whether one of the channels is on its way already, and forgets those that have arrived.
func (u *upgrader) again(channels [2]string, now time.Time) bool {
	for channel, at := range u.done {
		if now.Sub(at) >= sameCall {
			delete(u.done, channel)
		}
	}
	for _, channel := range channels {
		if _, ok := u.done[channel]; ok {
			return true
		}
	}
	return false
}

// admissionOutcome is what is counted when there are no seats.
func admissionOutcome(err error) string {
	switch {
	case errors.Is(err, rooms.ErrRoomFull):
		return upgradeRoomFull
	case errors.Is(err, rooms.ErrLocked):
		return upgradeLocked
	}
	return upgradeFull
}
