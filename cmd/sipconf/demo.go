package main

import "errors"

// demoCmd is `sipconf demo`.
type demoCmd struct {
	Exit bool   `help:"End after the check, with status 0 if everybody heard the others and never himself, else 1."`
	WAV  string `help:"Where to write what the first caller hears." name:"wav" placeholder:"FILE" default:"demo.wav"`
}

// Run waits for newServer and bench/phone.
func (*demoCmd) Run(*process) error { return errors.New("demo: the server is not wired yet") }
