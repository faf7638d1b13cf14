package sip

import (
	"net/netip"
	"time"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/sip/sdp"
)

// Image is a user agent written down while it is paused: all of its dialogs,
// and what it remembers of those that are over. Plain data, for encoding/gob;
// passwords and the secret of its tags are in it. Its numbers (phase, purpose,
// Cause and the like) mean the same in all versions: new ones come at the end.
type Image struct {
	Secret        [16]byte // the To tags of INVITEs that are on their way are made of it
	Calls         []CallImage
	Homes         []HomeImage // the dialogs of subscriptions that have no call
	Subscriptions []SubscriptionImage
	Referrals     []ReferralImage
	Late          []AftermathImage
	Partings      []PartingImage
	Seen          []SeenImage
	Counters      CountersImage
	Answers       []AnswerImage
	Lines         []LineImage // connections over TCP
}

// CountersImage are Counters.
type CountersImage struct{ Untrusted, Malformed, Panics, Refused uint64 }

// CallImage is a call, an attempt included.
type CallImage struct {
	ID        dialogID
	MergeTag  string // the From tag of the peer's INVITE
	MergeCSeq uint32 // and its number
	InviteKey string
	Number    string
	Source    string
	Extras    []Header
	Incoming  bool
	Replaces  dialogID // of the call whose place it wants to take; zero: of none
	Endpoint  string   // the name of our listener

	Identity  Identity
	Renamed   bool // nobody has been told of it yet
	InfoKeys  bool
	Cancelled bool           // a CANCEL has come
	Leg       netip.AddrPort // where it receives RTP; zero: it has none
	Over      bool           // Done
	Ended     bool           // Ending says how
	Ending    Ending
	Returned  bool // its handler has

	Phase      phase
	Session    SessionImage
	Login      login
	Timer      sessionTimer
	Silence    silence
	Parts      release
	Invitation *MessageImage // the INVITE that rings; nil: none does
	Unacked    *UnackedImage // a 2xx that waits for its ACK; nil: none does
	Outgoing   *OutgoingImage
	Attempt    *AttemptImage // nil: the INVITE was the peer's
	Joined     []dialogID
	Signed     SignatureImage
	Questions  []QuestionImage
	Keys       []KeyImage // of SendInfo; the first one is under way
	Orders     []OrderImage
	ByeSent    bool
	Dismissing bool
	Parting    string
}

// SessionImage is a dialog and what was negotiated in it.
type SessionImage struct {
	Dialog      Dialog
	Local       LocalImage
	Sent        []byte
	Agreed      AgreedImage
	Offered     bool
	PeerUpdates bool
	PeerConfers bool
	RSeq        uint32
	Revised     bool
}

// LocalImage is sdp.Local, with the names of its codecs.
type LocalImage struct {
	Addr               netip.Addr
	Port               uint16
	SessionID, Version uint64
	Codecs             []string
	Ptime              time.Duration
}

// AgreedImage is sdp.Agreed, with the name of its codec; empty: none is agreed on.
type AgreedImage struct {
	Remote, RemoteRTCP netip.AddrPort
	Mux                bool
	Codec              string
	PayloadType        uint8
	EventType          uint8
	EventRate          int
	Ptime              time.Duration
	Direction          sdp.Direction
	Held, Listens      bool
}

// MessageImage is a message as text, and which way it has come or goes.
type MessageImage struct {
	Text    string
	Network string // "UDP" or "TCP"
	Address string // where it has come from, or goes to: "host:port"
}

// UnackedImage is a 2xx to an INVITE that was not acknowledged yet.
type UnackedImage struct {
	First    bool // to the INVITE that began the call
	CSeq     uint32
	Response MessageImage
	Next     time.Time // when it is sent again
	Interval time.Duration
	Deadline time.Time
}

// OutgoingImage is an INVITE of ours without a final answer.
type OutgoingImage struct {
	Target Target
	Remote netip.AddrPort
	Text   string
	Branch string
	Offer  SessionImage
	Early  []SessionImage
	Unsent bool // it waits for a connection

	Proceeding, Over bool
	Why              string
	Cancelled        bool

	Challenges     int
	Without        []string
	Glared, Raised bool

	Interval                                       time.Duration
	ResendAt, GiveUpAt, LookAt, RetryAt, RingUntil time.Time
}

// AttemptImage is what an INVITE of ours has come to.
type AttemptImage struct {
	Progress Progress
	Moved    bool // nobody has looked at it yet
	Decided  bool
	Settled  bool
	Failure  *FailureImage // nil: none
}

// FailureImage is a Failure.
type FailureImage struct {
	Cause      Cause
	Code       int
	Reason     string
	Reasons    []Reason
	RetryAfter time.Duration
	Contacts   []string
	Err        string // empty: none
}

// SignatureImage is what our last INVITE in the dialog answers challenges with.
type SignatureImage struct {
	CSeq    uint32
	Headers []Header
}

// QuestionImage is a request of ours that has no final answer yet: it is sent
// once more, as it was.
type QuestionImage struct {
	Of         purpose
	Request    MessageImage
	RemoteTag  string
	Challenges int
	Until      time.Time
}

// KeyImage is a key that is pressed at the peer.
type KeyImage struct {
	Key    byte
	Length time.Duration
}

// HomeImage is a dialog that has subscriptions and no call.
type HomeImage struct {
	Endpoint string
	Dialog   Dialog
	Login    login
}

// SubscriptionImage is a subscription; it is in the dialog of a call, if that is
// there, else in one of Image.Homes.
type SubscriptionImage struct {
	State   subscribed
	Telling bool // a NOTIFY was under way
}

// ReferralImage is a REFER that was accepted, and is being carried out.
type ReferralImage struct {
	To         ReferTo
	Number     string
	Caller     Identity
	ReferredBy string
	Source     string
	Confers    bool
	ID         string
	Call       dialogID // of the call in whose dialog it came; zero: in none
	Quiet      bool
	Told       dialogID // with Event: the subscription of who is told
	Event      event
	Final      int // the status that it has ended with; 0: it has not
}

// AftermathImage is what is left of an INVITE of ours.
type AftermathImage struct {
	Branch   string
	Endpoint string
	Dialog   Dialog
	Login    login
	Invite   MessageImage
	ACKs     []ACKImage
	Until    time.Time
}

// ACKImage is the ACK to a 2xx of whoever has that tag.
type ACKImage struct {
	Tag     string
	Request MessageImage
}

// PartingImage is a BYE in a dialog that has no call any more.
type PartingImage struct {
	Endpoint string
	Dialog   Dialog
	Login    login
	Question QuestionImage
}

// AnswerImage is the final answer to a request that may come again.
type AnswerImage struct {
	Of    answerKey
	Text  string
	Until time.Time // when nobody asks for it any more
}

// answerKey is a request by where it came and by its transaction.
type answerKey struct{ Endpoint, Transaction string }

// SeenImage is an INVITE of a call that is over.
type SeenImage struct {
	Merge     mergeKey
	InviteKey string
	Until     time.Time
}

func (s *session) save() SessionImage {
	return SessionImage{
		Dialog: s.Dialog, Local: saveLocal(s.Local), Sent: s.Sent, Agreed: saveAgreed(s.Agreed), Offered: s.Offered,
		PeerUpdates: s.PeerUpdates, PeerConfers: s.PeerConfers, RSeq: s.RSeq, Revised: s.Revised,
	}
}

func (im *SessionImage) restore() session {
	return session{
		Dialog: im.Dialog, Local: im.Local.restore(), Sent: im.Sent, Agreed: im.Agreed.restore(), Offered: im.Offered,
		PeerUpdates: im.PeerUpdates, PeerConfers: im.PeerConfers, RSeq: im.RSeq, Revised: im.Revised,
	}
}

func saveLocal(l sdp.Local) LocalImage {
	im := LocalImage{Addr: l.Addr, Port: l.Port, SessionID: l.SessionID, Version: l.Version, Ptime: l.Ptime}
	for _, c := range l.Codecs {
		im.Codecs = append(im.Codecs, c.Name)
	}
	return im
}

// restore leaves out codecs that this program does not know.
func (im *LocalImage) restore() sdp.Local {
	l := sdp.Local{Addr: im.Addr, Port: im.Port, SessionID: im.SessionID, Version: im.Version, Ptime: im.Ptime}
	for _, name := range im.Codecs {
		if c, ok := codec.ByName(name); ok {
			l.Codecs = append(l.Codecs, c)
		}
	}
	return l
}

func saveAgreed(a sdp.Agreed) AgreedImage {
	im := AgreedImage{
		Remote: a.Remote, RemoteRTCP: a.RemoteRTCP, Mux: a.Mux, PayloadType: a.PayloadType, EventType: a.EventType, EventRate: a.EventRate,
		Ptime: a.Ptime, Direction: a.Direction, Held: a.Held, Listens: a.Listens,
	}
	if a.Codec != nil {
		im.Codec = a.Codec.Name
	}
	return im
}

func (im *AgreedImage) restore() sdp.Agreed {
	c, _ := codec.ByName(im.Codec)
	return sdp.Agreed{
		Remote: im.Remote, RemoteRTCP: im.RemoteRTCP, Mux: im.Mux, Codec: c, PayloadType: im.PayloadType, EventType: im.EventType, EventRate: im.EventRate,
		Ptime: im.Ptime, Direction: im.Direction, Held: im.Held, Listens: im.Listens,
	}
}
