package plan

// maxName is the length of the longest name of a room. E.164 numbers have 15 digits and names that
// people speak are shorter than this; file systems, which come later, take 255.
const maxName = 64

// ValidName reports whether s may name a room or a group. Such a name becomes the user part of a
// SIP URI, a key in the log and a part of file names, and it can come from the wire, so it has 1 to
// 64 ASCII letters, digits, '+', '_', '.' or '-', and begins with a letter, a digit or '+': it never
// needs escaping (RFC 3261 section 25.1: user), never hides (".x"), never leaves its folder ("../")
// and never reads as an option ("-x").
func ValidName(s string) bool {
	if s == "" || len(s) > maxName || !nameStart(s[0]) {
		return false
	}
	for i := range len(s) {
		if !nameChar(s[i]) {
			return false
		}
	}
	return true
}

// nameStart reports whether a name may begin with c.
func nameStart(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '+'
}

// nameChar reports whether c may stand in a name.
func nameChar(c byte) bool {
	return nameStart(c) || c == '_' || c == '.' || c == '-'
}
