package main

import "errors"

// serveCmd is `sipconf serve`.
type serveCmd struct {
	configFlag
}

// Run waits for the wiring of sip, media and rooms.
func (*serveCmd) Run(*process) error { return errors.New("serve: the server is not wired yet") }
