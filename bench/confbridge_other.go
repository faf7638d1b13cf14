//go:build !linux

package main

import (
	"context"
	"errors"
)

// startConfBridge cannot: the rig needs a chroot.
func startConfBridge(context.Context, *options) (*server, error) {
	return nil, skipped{errors.New("the Asterisk of asterisk/rig runs on Linux only")}
}
