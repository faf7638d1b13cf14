//go:build !linux

package sip

import "net/netip"

// returned is a datagram that was not delivered; only Linux tells.
type returned struct {
	to  netip.AddrPort
	err error
}

func keepReturned(any) {}

func returnedDatagrams(any) []returned { return nil }

func mayBeReturned(error) bool { return false }
