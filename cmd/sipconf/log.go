package main

import (
	"io"
	"log/slog"
)

// The values of log.format.
const (
	logText = "text"
	logJSON = "json"
)

// newLogger makes the log of the whole program.  There is one line for each thing that happened to
// a person, and none for a packet.  The keys are
//
//	call   the Call-ID
//	room   the room's number
//	leg    the leg's local RTP address
//	trunk  the trunk's name
//	err    an error
func newLogger(w io.Writer, c LogConfig) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.Level}
	if c.Format == logJSON {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
