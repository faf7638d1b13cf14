package dialout

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// Member is a row of a group's list. Plain data.
type Member struct {
	Extension   string // his number; or several, separated by commas, in the order in which they are tried
	Name        string
	Description string
}

// Store is where the lists of groups are.
type Store interface {
	// Members returns the members of a group, in their order. The error is, or wraps, ErrNoGroup when
	// there is no such group; any other means that the list cannot be had now.
	Members(ctx context.Context, group string) ([]Member, error)
}

// Why a group cannot be called.
var (
	ErrNoGroup   = errors.New("there is no such group")
	ErrStoreDown = errors.New("the list of groups cannot be read")
	ErrLimit     = errors.New("today's limits let nobody of the group be called")
)

// way is one number of a member.
type way struct {
	number string
	policy Policy // Unsaid: the number's and the trunk's
}

// ways reads a member's numbers. After a number a policy may stand, what its owner meets who answers:
// "101, 8 916 123-45-67 straight". A word there that is no policy is taken for the careful one, and the
// error says so; the numbers are good all the same.
func (m Member) ways() (ways []way, err error) {
	for field := range strings.SplitSeq(m.Extension, ",") {
		number, word := cutWord(strings.TrimSpace(field))
		if plain(number) == "" {
			continue
		}
		policy, wrong := ParsePolicy(word)
		if wrong != nil {
			policy = Press1
			err = wrong
		}
		ways = append(ways, way{number, policy})
	}
	return ways, err
}

// Check says what is wrong with a policy in the member's extension; nil: nothing is. A member with a fault is called
// all the same, and asked to press 1.
func (m Member) Check() error {
	_, err := m.ways()
	return err
}

// Numbers are his numbers, as they stand there, without the policies.
func (m Member) Numbers() (numbers []string) {
	ways, _ := m.ways()
	for _, w := range ways {
		numbers = append(numbers, w.number)
	}
	return numbers
}

// First is the first of his numbers, by which people know him; empty if he has none.
func (m Member) First() string {
	if numbers := m.Numbers(); len(numbers) > 0 {
		return numbers[0]
	}
	return ""
}

// cutWord takes the last word from a text of several, if it begins with a letter.
func cutWord(text string) (rest, word string) {
	at := strings.LastIndexAny(text, " \t")
	if at < 0 || !unicode.IsLetter(rune(text[at+1])) {
		return text, ""
	}
	return text[:at], text[at+1:]
}

// MemberState is how far a member has come. Plain data; the zero value is that of nobody.
type MemberState struct {
	Member
	Outcome
	Number string    // that is being dialled, was answered, or was dialled last
	Since  time.Time // when he came so far
}

// String writes "Anna (103): busy".
func (s MemberState) String() string {
	who := s.Extension
	if s.Name != "" {
		who = fmt.Sprintf("%s (%s)", s.Name, s.Extension)
	}
	return who + ": " + s.Outcome.String()
}

// GroupState is a group that was called into a room. Plain data.
type GroupState struct {
	Room    Room
	Group   string
	Members []MemberState
}
