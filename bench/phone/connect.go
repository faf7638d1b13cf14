package phone

import (
	"errors"
	"net/netip"
	"strings"

	crand "crypto/rand"
)

// Connect makes a call without SIP, to an RTP address that is known: the phone's first codec, both ways, no RTCP.
// Hangup only ends it. The load generator measures with it what remains of a server when all but the packets is left out.
func (p *Phone) Connect(remote netip.AddrPort) (*Call, error) {
	c, err := p.newCall(nil)
	if err != nil {
		return nil, err
	}
	c.plain = true
	c.dialog.callID = strings.ToLower(crand.Text())
	if !remote.IsValid() {
		c.line.close()
		return nil, errors.New("connect: no address")
	}
	if !p.keepCall(c) {
		c.line.close()
		return nil, errClosed
	}
	c.settle(c.ours, agreed{remote: remote, codec: p.cfg.Codecs[0], direction: SendRecv, sends: true})
	return c, nil
}
