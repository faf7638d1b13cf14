package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/sipconf/sipconf/asterisk/rig"
)

// startConfBridge runs a real Asterisk that knows our phones and has a ConfBridge for each four-digit number, with
// Asterisk's own defaults (no jitter buffer, no silence detection, 20 ms). It is measured as the server is.
func startConfBridge(_ context.Context, o *options) (*server, error) {
	root, err := rig.Find()
	if err != nil {
		return nil, skipped{err}
	}
	// An RTP and an RTCP port for each leg, and as many again, because Asterisk takes them at random.
	options := rig.Options{Addr: ownHost(), Ports: rig.Ports{First: 20000, Last: uint16(20000 + 4*max(o.legs, 100))},
		Dialplan: []string{"exten => _XXXX,1,Answer()", " same => n,ConfBridge(${EXTEN})"}}
	for i := range o.legs {
		options.Phones = append(options.Phones, rig.Phone{Name: fmt.Sprintf("Leg %d", i), Number: strconv.Itoa(firstNumber + i)})
	}
	pbx, err := rig.Launch(root, options)
	if err != nil {
		return nil, fmt.Errorf("starting the ConfBridge: %w", err)
	}
	return &server{addr: pbx.Addr().String(), pid: pbx.PID(), ready: true, quit: pbx.Close}, nil
}
