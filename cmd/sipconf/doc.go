// Command sipconf is a conference server for telephones: it terminates SIP and RTP itself and mixes
// the callers of each room.
//
// This package wires the others together, and is the only one that sees both the signalling column
// (sip) and the domain (rooms).  It is read by commands: main.go has the command line, and each
// command is a file of its own.
//
//	serve    serve.go, server.go   the server; drain.go, its end; generation.go, server_upgrade.go, give.go and take.go, who comes after it
//	check    check.go              reads a configuration and says what is wrong with it
//	demo     demo*.go              the server and three callers in one process
//	ctl      ctl*.go, operated.go  talks to the server that runs, and what that answers
//	groups   groups.go             shows and changes who belongs to a group
//	version  version.go
//
// The configuration is in the config*.go files.  A key is one row of the table in config_keys.go:
// its path, its default, its meaning, its form and its place in Config.  The reader of config.yaml,
// the environment variables, `check --print`, the config.yaml at the top of the tree and the table
// in README.md all come from that row.
package main
