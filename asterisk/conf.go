// Package asterisk is the PBX's side of sipconf: the configuration that an
// Asterisk (chan_pjsip, version 16 or later) needs in order to send its callers
// into conference rooms. docs/asterisk.md says what to put where, and why.
package asterisk

import "embed"

// Conf holds the folder conf, to be copied unchanged into /etc/asterisk/sipconf/. No
// file in it knows an address or a secret: the head of each shows the few lines that
// do, and that belong in the operator's own files.
//
//go:embed conf
var Conf embed.FS
