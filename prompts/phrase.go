package prompts

import "time"

// The pauses between sentences, and between the items of a list.
const (
	betweenSentences = Pause(300 * time.Millisecond)
	betweenItems     = Pause(200 * time.Millisecond)
)

// Here says how many are in the room, he who hears it included.
func Here(n int) Phrase {
	if n == 1 {
		return Phrase{Alone}
	}
	return Phrase{InConference, Participants(n)}
}

// Joined says who has joined, by their numbers: one is named, several are counted.
func Joined(numbers ...string) Phrase { return moved(numbers, HasJoined, SomeoneJoined, ManyJoined) }

// Left says who has left, as [Joined].
func Left(numbers ...string) Phrase { return moved(numbers, HasLeft, SomeoneLeft, ManyLeft) }

func moved(numbers []string, named, nameless, many Name) Phrase {
	switch {
	case len(numbers) == 0:
		return nil
	case len(numbers) > 1:
		return Phrase{many, Number(len(numbers))}
	case Digits(numbers[0]).said():
		return Phrase{Digits(numbers[0]), named}
	}
	return Phrase{nameless}
}

// Invitation tells who was called what for: by whom, if that can be said, and to which room. [PressOne] is to follow
// where it is asked for.
func Invitation(room, by string) Phrase {
	if Digits(by).said() {
		return Phrase{InvitedBy, Digits(by), ToConference, Digits(room)}
	}
	return Phrase{Invited, Digits(room)}
}

// AsideWith tells the inviter that nobody but the invited hears him now.
func AsideWith(number string) Phrase {
	if Digits(number).said() {
		return Phrase{AloneWith, Digits(number)}
	}
	return nil
}

// CallingGroup says how many are being called.
func CallingGroup(members int) Phrase { return Phrase{Calling, Participants(members)} }

// Absent is a member of a group who is not in the room, and why: the outcome of the call to him, or "".
type Absent struct {
	Number string
	Why    Name
}

// GroupResult says how many of a group are here, and who is missing.
func GroupResult(here, all int, absent []Absent) Phrase {
	switch {
	case all == 0:
		return Phrase{EmptyGroup}
	case here >= all:
		return Phrase{AllHere}
	}
	said := Phrase{Present, Number(here), Of, Number(all)}
	listed := false
	for _, a := range absent {
		if !Digits(a.Number).said() {
			continue
		}
		if !listed {
			said, listed = append(said, betweenSentences, Missing), true
		}
		said = append(said, Digits(a.Number))
		if a.Why != "" {
			said = append(said, a.Why)
		}
		said = append(said, betweenItems)
	}
	return said
}

// Key is a sequence of keys and the prompt that tells what it does.
type Key struct {
	Keys string
	Does Name
}

// Help reads a menu out.
func Help(menu []Key) Phrase {
	var said Phrase
	for _, k := range menu {
		said = append(said, Digits(k.Keys), k.Does, betweenSentences)
	}
	return said
}
