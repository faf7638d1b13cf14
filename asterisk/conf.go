// Package asterisk is the PBX's side of sipconf: the configuration that an
// Asterisk (chan_pjsip, version 16 or later) needs in order to send its callers
// into conference rooms. docs/asterisk.md says what to put where, and why.
package asterisk

import "embed"

// Conf holds conf/pjsip.conf and conf/extensions.conf, to be copied unchanged into
// /etc/asterisk/sipconf/. Neither knows sipconf's address: the head of pjsip.conf
// shows the few lines that do, and that belong in the operator's own file.
//
//go:embed conf/*.conf
var Conf embed.FS
