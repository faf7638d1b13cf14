package prompts

import "strings"

// The languages, by their tag (RFC 5646).
const (
	English = "en"
	Russian = "ru"
)

// Languages are the languages that there are prompts in.
func Languages() []string { return []string{English, Russian} }

// language is the one of ours that is meant by a tag: "ru", "ru-RU" and "RU" are Russian. Whatever we do not have is
// English.
func language(tag string) string {
	primary, _, _ := strings.Cut(strings.ToLower(tag), "-")
	if primary == Russian {
		return Russian
	}
	return English
}

// participants is the form of "participant" that belongs to n.
func participants(lang string, n int) Name {
	if lang != Russian {
		if n == 1 {
			return participantOne
		}
		return participantMany
	}
	// As CLDR's plural rules have it: 1, 21, 101; 2-4, 22-24; and the rest, also 11-14.
	ones, tens := n%10, n/10%10
	switch {
	case tens == 1:
		return participantMany
	case ones == 1:
		return participantOne
	case ones >= 2 && ones <= 4:
		return participantFew
	}
	return participantMany
}
