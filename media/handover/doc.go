// Package handover is the line between two processes of which the new one takes over from the old one: messages and, with them, descriptors, over a
// pair of Unix sockets (SCM_RIGHTS of unix(7)).
//
//	old: line, other, err := handover.Pair()        new: line, err := handover.Open(file)
//	     ... other goes to the new process ...
//	     line.Send("sockets", body, fds...)              m, err := line.Receive()
//
// A descriptor that is sent stays open here and is one more of the same socket there: whoever of the two closes his leaves the other one's as it is,
// which is why either can go on with it when the other one dies.
package handover
