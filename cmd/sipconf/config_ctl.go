package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/sipconf/sipconf/control"
)

// CtlConfig is the section ctl.
type CtlConfig struct {
	Socket string // a path; empty: none
}

// usualSocket is where the control socket is when nobody says otherwise. It is no reason not to start when it cannot be there.
const usualSocket = "/run/sipconf/ctl.sock"

// socketForm is the path of a Unix socket, or nothing.
var socketForm = form[string]{
	name: "the path of a socket", quoted: true,
	parse: func(text string) (string, error) {
		switch {
		case text == "":
			return "", nil
		case !strings.HasPrefix(text, "/") || strings.HasSuffix(text, "/") || control.Printable(text) != text:
			return "", misfit(text, "the path of a socket", `one that begins with /, such as `+usualSocket+`, or "" for none`)
		case len(text) > control.MostPath:
			return "", fmt.Errorf("%q is too long for a socket: it has %d bytes, and may have %d", text, len(text), control.MostPath)
		}
		return text, nil
	},
	write: func(text string) string { return text },
}

// ctlTrouble is a warning if the folder of the socket is not there, which serve would not start with.
func ctlTrouble(cfg *Config) (warnings faults) {
	if cfg.Ctl.Socket == "" || cfg.Ctl.Socket == usualSocket {
		return nil
	}
	if _, err := os.Stat(filepath.Dir(cfg.Ctl.Socket)); errors.Is(err, fs.ErrNotExist) {
		text := fmt.Sprintf("the folder %s does not exist: the server would not start here", filepath.Dir(cfg.Ctl.Socket))
		warnings = append(warnings, fault{path: "ctl.socket", text: text, warning: true})
	}
	return warnings
}

// openDoor opens the control socket; nil: there is none. usual is the path at which it may be missing, whose folder is made where we may:
// a server that an ordinary user tries out has no business there.
func openDoor(path, usual string, own *generation, log *slog.Logger) (*control.Door, error) {
	if path == "" {
		return nil, nil
	}
	door, err := doorOf(path, usual, own)
	switch {
	case err == nil:
		return door, nil
	case path != usual || errors.Is(err, control.ErrTaken):
		return nil, fmt.Errorf("ctl.socket: %w", err)
	}
	log.Warn("sipconf ctl cannot reach this server: see ctl.socket, \"\" for none", "err", err)
	return nil, nil
}

// doorOf is that of the process before, or a new one.
func doorOf(path, usual string, own *generation) (*control.Door, error) {
	const network = "unix"
	if l, err := own.inherited(network, path); err != nil {
		return nil, err
	} else if l != nil {
		return control.Inherit(path, l)
	}
	if path == usual {
		os.Mkdir(filepath.Dir(path), 0o755) // if that fails, Open says what is the matter
	}
	door, err := control.Open(path)
	if err != nil {
		return nil, err
	}
	if err := own.leave(network, path, door.Listener()); err != nil {
		door.Close()
		return nil, err
	}
	return door, nil
}
