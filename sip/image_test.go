package sip

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media"
	"github.com/sipconf/sipconf/media/handover/imagetest"
	"github.com/sipconf/sipconf/sip/sdp"
)

// carriedIn are the fields of what lives during a call that are written down, and where.
var carriedIn = map[string]string{
	"UA.Counters": "Image.Counters", "UA.secret": "Image.Secret", "UA.subscriptions": "Image.Subscriptions", "UA.all": "Image.Calls",
	"UA.calls": "CallImage.ID", "UA.invites": "CallImage.InviteKey", "UA.merges": "Image.Seen", "UA.outgoing": "OutgoingImage.Branch",
	"UA.late": "Image.Late", "UA.before": "Image.Answers", "UA.partings": "Image.Partings", "UA.referrals": "Image.Referrals",

	"Call.endpoint": "CallImage.Endpoint", "Call.id": "CallImage.ID", "Call.merge": "CallImage.MergeTag", "Call.inviteKey": "CallImage.InviteKey",
	"Call.number": "CallImage.Number", "Call.source": "CallImage.Source", "Call.extras": "CallImage.Extras", "Call.attempt": "CallImage.Attempt",
	"Call.replaces": "CallImage.Replaces", "Call.mailbox": "CallImage.Orders", "Call.cancelled": "CallImage.Cancelled", "Call.over": "CallImage.Over",
	"Call.returned": "CallImage.Returned", "Call.renamed": "CallImage.Renamed", "Call.identity": "CallImage.Identity",
	"Call.infoKeys": "CallImage.InfoKeys", "Call.leg": "CallImage.Leg", "Call.ending": "CallImage.Ending", "Call.outgoing": "CallImage.Outgoing",
	"Call.invitation": "CallImage.Invitation", "Call.unacked": "CallImage.Unacked", "Call.questions": "CallImage.Questions",
	"Call.signed": "CallImage.Signed", "Call.joined": "CallImage.Joined", "Call.byeSent": "CallImage.ByeSent",
	"Call.dismissing": "CallImage.Dismissing", "Call.parting": "CallImage.Parting", "Call.infos": "CallImage.Keys", "Call.invite": "OutgoingImage.Text",

	"state.Phase": "CallImage.Phase", "state.session": "CallImage.Session", "state.Login": "CallImage.Login", "state.Timer": "CallImage.Timer",
	"state.Silence": "CallImage.Silence", "state.Parts": "CallImage.Parts",
	"session.Dialog": "SessionImage.Dialog", "session.Local": "SessionImage.Local", "session.Sent": "SessionImage.Sent",
	"session.Agreed": "SessionImage.Agreed", "session.Offered": "SessionImage.Offered", "session.PeerUpdates": "SessionImage.PeerUpdates",
	"session.PeerConfers": "SessionImage.PeerConfers", "session.RSeq": "SessionImage.RSeq", "session.Revised": "SessionImage.Revised",

	"unacked.in": "UnackedImage.First", "unacked.cseq": "UnackedImage.CSeq", "unacked.res": "UnackedImage.Response",
	"unacked.next": "UnackedImage.Next", "unacked.interval": "UnackedImage.Interval", "unacked.deadline": "UnackedImage.Deadline",
	"question.of": "QuestionImage.Of", "question.text": "QuestionImage.Request", "question.network": "QuestionImage.Request",
	"question.to": "QuestionImage.Request", "question.remoteTag": "QuestionImage.RemoteTag", "question.challenges": "QuestionImage.Challenges",
	"question.until": "QuestionImage.Until",
	"signature.cseq": "SignatureImage.CSeq", "signature.headers": "SignatureImage.Headers",
	"press.KeyImage": "CallImage.Keys", "work.order": "CallImage.Orders",

	"Attempt.progress": "AttemptImage.Progress", "Attempt.moved": "AttemptImage.Moved", "Attempt.decided": "AttemptImage.Decided",
	"Attempt.settled": "AttemptImage.Settled", "Attempt.failure": "AttemptImage.Failure",

	"home.endpoint": "HomeImage.Endpoint", "home.login": "HomeImage.Login", "home.dialog": "HomeImage.Dialog",
	"subscription.subscribed": "SubscriptionImage.State", "subscription.telling": "SubscriptionImage.Telling",
	"subscription.call": "SubscriptionImage.State", "subscription.home": "Image.Homes",

	"Referral.To": "ReferralImage.To", "Referral.Number": "ReferralImage.Number", "Referral.Caller": "ReferralImage.Caller",
	"Referral.ReferredBy": "ReferralImage.ReferredBy", "Referral.Source": "ReferralImage.Source", "Referral.Confers": "ReferralImage.Confers",
	"Referral.call": "ReferralImage.Call", "Referral.quiet": "ReferralImage.Quiet", "Referral.told": "ReferralImage.Told", "Referral.id": "ReferralImage.ID", "Referral.final": "ReferralImage.Final",

	"aftermath.endpoint": "AftermathImage.Endpoint", "aftermath.dialog": "AftermathImage.Dialog", "aftermath.invite": "AftermathImage.Invite",
	"aftermath.until": "AftermathImage.Until", "aftermath.login": "AftermathImage.Login", "aftermath.acks": "AftermathImage.ACKs",
	"parting.endpoint": "PartingImage.Endpoint", "parting.dialog": "PartingImage.Dialog", "parting.login": "PartingImage.Login",
	"parting.question": "PartingImage.Question",
	"seen.inviteKey":   "SeenImage.InviteKey", "seen.until": "SeenImage.Until",

	"endpoint.door": "Image.Lines",
}

// anew are the fields that are not written down, and why.
var anew = map[string]string{
	"UA.config": "the configuration is that of the new process", "UA.handler": "likewise", "UA.log": "likewise", "UA.names": "likewise",
	"UA.endpoints": "the sockets go as descriptors; see endpoint", "UA.closed": "one that is being closed is not paused", "UA.shut": "likewise",
	"UA.referring": "goroutines of the process", "UA.works": "likewise", "UA.stopWork": "likewise", "UA.running": "likewise", "UA.alive": "counts what is restored",
	"UA.still": "a pause is on", "UA.asking": "counts what is asked again", "UA.receiving": "a pause waits for that", "UA.descriptors": "they are the other process' now",
	"UA.restored": "of this process", "UA.beginning": "likewise", "UA.resumedReferrals": "likewise", "UA.resumedSubscriptions": "likewise", "UA.resumedPartings": "likewise", "UA.resuming": "likewise",
	"UA.mu": "nobody holds it", "UA.draining": "the program drains again, if it still wants that",
	"UA.overtook": "all INVITEs that were read have got to their calls: such a CANCEL belongs to none, and comes again",
	"UA.refers":   "counts the handlers of the process", "UA.watches": "whoever asks again watches again",

	"endpoint.listener": "the configuration is that of the new process", "endpoint.transport": "sipgo's", "endpoint.txs": "sipgo's",
	"endpoint.connections": "whoever waits for one asks again", "endpoint.local": "the socket's", "endpoint.network": "the socket's", "endpoint.advertise": "the configuration is that of the new process",
	"endpoint.secret": "UA.secret", "endpoint.guard": "sockets go as descriptors; what it has read is with sipgo",
	"endpoint.coming": "empty: a pause waits for that", "endpoint.still": "the user agent's", "endpoint.asking": "likewise",
	"endpoint.responses": "a function", "endpoint.closed": "one that is being closed is not paused", "endpoint.counters": "the user agent's", "endpoint.log": "likewise",

	"Call.ua": "there is one", "Call.log": "the configuration is that of the new process", "Call.overtaken": "it was answered when the call began",
	"Call.restored": "it is", "Call.settled": "follows from the phase", "Call.settle": "a function", "Call.end": "a function",
	"Call.attended": "the handler is begun again, if it has not returned", "Call.gone": "a call that is gone is not saved",
	"Call.state": "see there", "Call.alarm": "rings at the deadlines, which are carried", "Call.waiting": "empty: a pause waits for that",
	"Call.turnAt": "likewise", "Call.answering": "the handler is begun again, and waits again", "Call.asked": "counts what is asked again",
	"Call.inviting": "follows from the questions", "Call.sending": "what is asked again is sent in the same order",
	"Call.hangOn": "OutgoingImage.Unsent says that there was one", "Call.unwatch": "it is watched again", "Call.released": "follows from the leg",

	"unacked.failed": "of sipgo's transaction", "press.send": "a function", "press.result": "who waited for it was of the other process",
	"work.do":         "a function; what is no order was done before the pause",
	"Attempt.call":    "the call is written down with it",
	"home.mu":         "nobody holds it",
	"subscription.ua": "there is one", "subscription.pack": "follows from the event", "subscription.contact": "follows from the dialog",
	"subscription.log": "the configuration is that of the new process", "subscription.gone": "the Referral's, which is restored", "subscription.mu": "nobody holds it",
	"subscription.answering": "a pause waits for requests that are being served", "subscription.over": "one that is over is not saved",
	"subscription.alarm": "rings at the deadlines, which are carried",
	"Referral.ua":        "there is one", "Referral.req": "it is answered", "Referral.claim": "likewise", "Referral.respond": "likewise",
	"Referral.mu": "nobody holds it", "Referral.answered": "a pause waits for that", "Referral.accepted": "one that was refused is not saved",
	"Referral.done": "follows from the subscription",
	"aftermath.ua":  "there is one", "aftermath.mu": "nobody holds it", "parting.ua": "there is one",
	"seen.ongoing": "those of calls follow from the calls",
}

var imageTypes = []any{Image{}, CountersImage{}, CallImage{}, SessionImage{}, LocalImage{}, AgreedImage{}, MessageImage{}, UnackedImage{}, OutgoingImage{},
	AttemptImage{}, FailureImage{}, SignatureImage{}, QuestionImage{}, KeyImage{}, HomeImage{}, SubscriptionImage{}, ReferralImage{}, AftermathImage{},
	ACKImage{}, PartingImage{}, SeenImage{}, OrderImage{}, LineImage{}}

// Whoever gives a call, a subscription, or what else lives here one more field decides what becomes of it when another process takes over: it is in
// the image, or in the list of those that are made anew, with the reason.
func TestEveryFieldIsCarriedOrMadeAnew(t *testing.T) {
	imagetest.Fields(t, imagetest.Types(imageTypes...), []reflect.Type{reflect.TypeFor[UA](), reflect.TypeFor[endpoint](), reflect.TypeFor[Call](), reflect.TypeFor[state](),
		reflect.TypeFor[session](), reflect.TypeFor[unacked](), reflect.TypeFor[question](), reflect.TypeFor[signature](), reflect.TypeFor[press](),
		reflect.TypeFor[work](), reflect.TypeFor[Attempt](), reflect.TypeFor[home](), reflect.TypeFor[subscription](), reflect.TypeFor[Referral](),
		reflect.TypeFor[aftermath](), reflect.TypeFor[parting](), reflect.TypeFor[seen]()}, carriedIn, anew)
	alike(t, reflect.TypeFor[outgoing](), reflect.TypeFor[OutgoingImage](), "Unsent")
	alike(t, reflect.TypeFor[sdp.Local](), reflect.TypeFor[LocalImage]())
	alike(t, reflect.TypeFor[sdp.Agreed](), reflect.TypeFor[AgreedImage]())
	alike(t, reflect.TypeFor[Failure](), reflect.TypeFor[FailureImage]())
}

// alike checks that an image has the fields of what it is of, and but these no more.
func alike(t *testing.T, of, image reflect.Type, more ...string) {
	t.Helper()
	for i := range of.NumField() {
		if _, ok := image.FieldByName(of.Field(i).Name); !ok {
			t.Errorf("%s.%s is not in %s", of, of.Field(i).Name, image)
		}
	}
	if got, want := image.NumField(), of.NumField()+len(more); got != want {
		t.Errorf("%s has %d fields, want %d", image, got, want)
	}
}

// fill gives each field of an image a value of its own.
func fill(v reflect.Value, n *int) {
	*n++
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Unix(1_800_000_000+int64(*n), 0)))
		return
	case v.Type() == reflect.TypeFor[netip.AddrPort]():
		v.Set(reflect.ValueOf(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(20000+2**n))))
		return
	case v.Type() == reflect.TypeFor[netip.Addr]():
		v.Set(reflect.ValueOf(netip.AddrFrom4([4]byte{127, 0, 0, byte(*n)})))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(v.Index(i), n)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.String:
		v.SetString(fmt.Sprint("text", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(*n % 250))
	}
}

func filled[T any](change func(*T)) T {
	var im T
	n := 0
	fill(reflect.ValueOf(&im).Elem(), &n)
	change(&im)
	return im
}

const someRequest = "INVITE sip:5234@127.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:6000;branch=z9hG4bKx;rport\r\n" +
	"From: \"Alice\" <sip:100@127.0.0.1>;tag=from1\r\nTo: <sip:5234@127.0.0.1>\r\nCall-ID: some-call\r\nCSeq: 7 INVITE\r\nMax-Forwards: 70\r\n" +
	"Contact: <sip:alice@127.0.0.1:6000>\r\nContent-Length: 0\r\n\r\n"

const someResponse = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1:6000;branch=z9hG4bKx;rport=6000;received=127.0.0.1\r\n" +
	"From: \"Alice\" <sip:100@127.0.0.1>;tag=from1\r\nTo: <sip:5234@127.0.0.1>;tag=to1\r\nCall-ID: some-call\r\nCSeq: 7 INVITE\r\nContent-Length: 0\r\n\r\n"

// TestImagesSurvive: an image in which nothing is zero, restored and saved again, is the same.
func TestImagesSurvive(t *testing.T) {
	codecs := func(s *SessionImage) { s.Local.Codecs, s.Agreed.Codec = []string{"PCMU", "PCMA"}, "PCMU" }
	some := func(text string) MessageImage { return MessageImage{text, "UDP", "127.0.0.1:6000"} }
	t.Run("session", func(t *testing.T) {
		im := filled(codecs)
		s := im.restore()
		wantSame(t, s.save(), im)
		if s.Agreed.Codec != codec.PCMU {
			t.Error("the codec is another one")
		}
	})
	for name, change := range map[string]func(*CallImage){
		"incoming, ringing": func(im *CallImage) {
			im.Incoming, im.Phase, im.Outgoing, im.Attempt, im.Unacked, im.Questions, im.Keys, im.Joined = true, ringing, nil, nil, nil, nil, nil, nil
			im.Invitation = &MessageImage{someRequest, "UDP", "127.0.0.1:6000"}
		},
		"incoming, not acknowledged": func(im *CallImage) {
			im.Incoming, im.Phase, im.Outgoing, im.Attempt, im.Invitation, im.Questions, im.Keys, im.Joined = true, accepted, nil, nil, nil, nil, nil, nil
		},
		"outgoing": func(im *CallImage) {
			im.Incoming, im.Phase, im.Invitation, im.Unacked, im.Questions, im.Keys, im.Extras = false, calling, nil, nil, nil, nil, nil
			im.MergeTag, im.MergeCSeq, im.InviteKey = "", 0, ""
			im.Outgoing.Text, im.Outgoing.Unsent = someRequest, false // a connection that is being made is under way
			codecs(&im.Outgoing.Offer)
			for i := range im.Outgoing.Early {
				codecs(&im.Outgoing.Early[i])
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			im := filled(func(im *CallImage) {
				codecs(&im.Session)
				im.Endpoint, im.Replaces = "udp://"+server, dialogID{}
				im.Unacked.Response = some(someResponse)
				change(im)
			})
			u := imageUA(t)
			c, err := u.restoreCall(&im)
			if err != nil {
				t.Fatal(err)
			}
			if im.Invitation != nil {
				if err := u.restoreInvitation(c, im.Invitation, nil); err != nil {
					t.Fatal(err)
				}
				u.resumed(mustRequest(t, im.Invitation))
				c.invitation = &inbound{req: mustRequest(t, im.Invitation)}
				c.invitation.req.SetSource(im.Invitation.Address)
			}
			if im.Outgoing != nil {
				c.outgoing.Text = im.Outgoing.Text
			}
			wantSame(t, c.save(), im)
		})
	}
	t.Run("the rest", func(t *testing.T) {
		im := filled(func(im *Image) {
			im.Calls, im.Lines, im.Referrals = nil, nil, nil
			for i := range im.Homes {
				h := &im.Homes[i]
				h.Endpoint, im.Subscriptions[i].State.Of = "udp://"+server, h.Dialog.id()
				im.Subscriptions[i].State.ExpireAt, im.Subscriptions[i].State.NextAt = time.Now().Add(time.Hour).Round(0), time.Now().Round(0)
				im.Subscriptions[i].Telling = false
			}
			im.Homes, im.Subscriptions = im.Homes[:1], im.Subscriptions[:1]
			im.Late, im.Partings, im.Seen = im.Late[:1], im.Partings[:1], im.Seen[:1]
			late, until := &im.Late[0], time.Now().Add(time.Hour).Round(0)
			late.Endpoint, late.Invite, late.Until = "udp://"+server, some(someRequest), until
			late.ACKs = []ACKImage{{"some", some(strings.ReplaceAll(someRequest, "INVITE", "ACK"))}}
			im.Partings[0].Endpoint = "udp://" + server
			im.Seen[0].Until = until
		})
		u := imageUA(t)
		copied := im
		u.secret = im.Secret
		if err := u.restore(&copied); err != nil {
			t.Fatal(err)
		}
		wantSame(t, *u.Save(), im)
	})
}

// imageUA is a user agent that is not started.
func imageUA(t *testing.T) *UA {
	t.Helper()
	w := &world{t: t, wire: newWire(server)}
	u, err := New(Config{
		Listeners: []Listener{{Name: "udp://" + server, Packet: w.end()}}, Media: noMedia{}, Codecs: []*codec.Codec{codec.PCMA},
		Legs: func(local netip.AddrPort) *media.Leg { return media.NewLeg(media.LegConfig{}, noConn{local}) },
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func wantSame(t *testing.T, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("saved again it is\n%+v\nwant\n%+v", got, want)
	}
}

func mustRequest(t *testing.T, im *MessageImage) *sipgo.Request {
	t.Helper()
	req, err := im.request()
	if err != nil {
		t.Fatal(err)
	}
	return req
}
