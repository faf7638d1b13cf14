// Package roster writes down who is in a conference, for telephones that show it: the document of RFC 4575
// (application/conference-info+xml), and that of RFC 4235 (application/dialog-info+xml), by which a lamp is lit.
//
// A Conference has users; a user has one endpoint or several, each with a status, which is how far it has come. Documents are
// always full: a telephone that missed one is right again with the next.
//
// Everything here is pure: data in, bytes out. What anybody writes as a name comes out as text, whatever it is.
package roster
