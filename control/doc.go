// Package control is how an operator talks to the server that runs: HTTP over a Unix socket, with JSON in both directions.
//
// Words: the Door is the socket, which the server opens and nobody but its user and root may enter; a command is what comes in
// by it, a row of the table in commands.go; Operated is the server behind it, as far as commands go; a Client knocks at the door.
//
// What a command shows is plain data (Status, Room, Link), whose names in JSON are a promise: scripts read them. Names are
// added, and neither changed nor removed.
//
// The package knows nothing of the server but the interface Operated. It calls that from many goroutines.
//
// Whoever knocks cannot hold anything up: requests are small and have little time, and when the Door is closed all of them end.
//
// Goroutines: one that accepts, and one for each connection. Door.Serve starts the first, Door.Close ends all and waits
// for the first.
package control
