package sdp

import "fmt"

// Refusal says why a description, though well formed, cannot lead to a call: the error of Answer and Accept.
// SIP answers 488 with a Warning header (RFC 3261 sections 21.4.26 and 20.43).
type Refusal struct {
	Code int    // warn-code
	Text string // the code's meaning, and what it was about; our words only, nothing of the peer's
}

// The warn-codes in use, RFC 3261 section 20.43.
const (
	codeNetwork   = 300 // Incompatible network protocol
	codeAddress   = 301 // Incompatible network address formats
	codeTransport = 302 // Incompatible transport protocol
	codeMedia     = 304 // Media type not available
	codeFormat    = 305 // Incompatible media format
	codeMulticast = 330 // Multicast not available
	codeOther     = 399 // Miscellaneous warning
)

// Error returns code and text, such as "304 Media type not available: no audio stream".
func (r *Refusal) Error() string {
	return fmt.Sprintf("%d %s", r.Code, r.Text)
}

// Warning returns the value of the Warning header; agent is who warns: a host, host:port or a product name.
func (r *Refusal) Warning(agent string) string {
	return fmt.Sprintf("%d %s %q", r.Code, agent, r.Text)
}
