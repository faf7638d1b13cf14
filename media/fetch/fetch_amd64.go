package fetch

import "unsafe"

// Lines asks for n bytes, of which the first is that many bytes behind p.  It does not wait for them.
//
//go:noescape
func Lines(p unsafe.Pointer, from, n uintptr)
