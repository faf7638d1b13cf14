// Package fetch has the processor bring memory near before it is needed.
//
// What a leg knows has left the cache since the last tick, and with a thousand of them the one next to it too.  To wait for each line in turn, as it is
// come upon, was a twentieth of the server's CPU.  Asked for while the leg before is served, which is mostly in the kernel, it is there in time.  A
// question changes nothing but that: an address that is none does no harm, and a processor without an answer is as right, and slower.
//
// Callers need package unsafe for the addresses, which are asked for and never read or written through.
package fetch
