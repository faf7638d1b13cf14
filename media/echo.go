package media

import "time"

// echoWithin is how much later the same key may come by the other way: INFO goes through the proxies, and may be sent again when it is lost
// (RFC 3261 T1 is 500 ms).
const echoWithin = 500 * time.Millisecond

// Reported is a key that came by one way and may come by the other one yet.
type Reported struct {
	Key  byte // 0: none
	Info bool // it came by SIP INFO, not by RTP
	At   int64
}

// Echoes tells keys from their echoes.  Phones have a menu item for sending each key both by RTP and by INFO, and some people choose it;
// each key is meant once.  A key is an echo of one that came by the other way, and of one only: "11" by both ways is
// two keys, in whatever order the four reports come.
//
// Plain data; the zero value is ready.  Owned by the leg's owner.
type Echoes struct {
	Keys [8]Reported // in turn
	Turn uint8       // of the next one
}

// heard takes a report, and says whether it is an echo.
func (e *Echoes) heard(key byte, info bool, now int64) (echo bool) {
	for i := range e.Keys {
		if k := &e.Keys[i]; k.Key == key && k.Info != info && now-k.At < int64(echoWithin) {
			*k = Reported{}
			return true
		}
	}
	e.Keys[e.Turn%uint8(len(e.Keys))] = Reported{key, info, now}
	e.Turn++
	return false
}

// held says that a key that came by RTP is still down: many phones send INFO only when it comes up.
func (e *Echoes) held(key byte, now int64) {
	for i := range e.Keys {
		if k := &e.Keys[i]; k.Key == key && !k.Info && now-k.At < int64(echoWithin) {
			k.At = now
		}
	}
}
