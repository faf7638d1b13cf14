// Package menu turns the keys that somebody presses in a room into actions.  It carries nothing out, and knows neither rooms nor time.
//
// Words: a key is '0' to '9', '*', '#', 'A' to 'D'; a sequence is keys one after the other, such as "*1"; a menu says which sequence is
// which action, and there is one for each role; what somebody has typed so far is his State.
//
// A sequence may begin with another one: then the shorter is meant when no key follows for the inter-digit time-out, which is the
// caller's to measure.
package menu
