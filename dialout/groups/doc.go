// Package groups says who belongs to a group: the people who are called when somebody dials *100.
//
// Its words, smallest first:
//
//	member  somebody who is called with a group: extension, name, description
//	row     a member with the id of the group: one line of the table conf_groups, or of a CSV file
//	group   all rows with one id
//	store   where the rows are: a database, or a list in the configuration
//
// A store is chosen by a URL: sqlite, postgres, mysql, sqlserver, or the word list.  All databases have the
// same table, conf_groups (groupid, extension, name, description); what differs between them is a dialect.
//
// A store holds nothing between two questions: each question opens a connection of its own and closes it.  So
// what is changed in the database is seen by the next call, a server that was restarted is found again, and no
// connection dies unnoticed in a firewall while nobody calls a group.  The sockets of a connection are closed
// when the time of its question is over, whatever its driver waits for (dial.go).
//
// The package starts no goroutine that outlives a question, and knows nothing of calls, rooms and logs.
package groups
