package main

import (
	"fmt"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media"
)

// A form is a way to write one kind of value as text: in config.yaml, in an environment variable,
// in a default.
type form[T any] struct {
	name   string // what such a value is, with its article: "a duration"
	quoted bool   // whether config.yaml has it in quotes
	parse  func(text string) (T, error)
	write  func(T) string
}

// misfit is the error of every form: text is not what the form says, and how it should be written.
func misfit(text, name, write string) error {
	return fmt.Errorf("%q is not %s: write %s", text, name, write)
}

var listenerForm = form[listener]{
	name: "a listener", quoted: true,
	parse: func(text string) (listener, error) {
		network, address, ok := strings.Cut(text, "://")
		addr, err := netip.ParseAddrPort(address)
		if !ok || err != nil || (network != "udp" && network != "tcp") {
			return listener{}, misfit(text, "a listener",
				"udp://ADDRESS:PORT or tcp://ADDRESS:PORT, an IPv6 address in brackets")
		}
		return listener{network, netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())}, nil
	},
	write: listener.String,
}

// advertiseForm is an address that can be told to a peer, or nothing.
var advertiseForm = form[netip.Addr]{
	name: "an IP address", quoted: true,
	parse: func(text string) (netip.Addr, error) {
		if text == "" {
			return netip.Addr{}, nil
		}
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return addr, misfit(text, "an IP address", `one such as 192.168.1.20, or "" for the address that the peer reaches`)
		}
		addr = addr.Unmap()
		switch {
		case addr.IsUnspecified() || addr.IsMulticast():
			return addr, fmt.Errorf("%s cannot be called: write an address that phones reach, or \"\"", addr)
		case addr.Zone() != "":
			return addr, fmt.Errorf("%s has a zone, which means nothing to a peer: leave out %%%s", addr, addr.Zone())
		}
		return addr, nil
	},
	write: func(addr netip.Addr) string {
		if !addr.IsValid() {
			return ""
		}
		return addr.String()
	},
}

var networkForm = form[netip.Prefix]{
	name: "a network", quoted: true,
	parse: func(text string) (netip.Prefix, error) {
		if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
			addr = addr.Unmap()
			return netip.PrefixFrom(addr, addr.BitLen()), nil // a single host
		}
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return prefix, misfit(text, "a network", "ADDRESS/BITS such as 192.168.0.0/16, or a single ADDRESS")
		}
		if masked := prefix.Masked(); masked != prefix {
			// 10.1.2.3/8 trusts all of 10.0.0.0/8, which whoever wrote it may not have meant.
			return prefix, fmt.Errorf("%s has bits set beyond its %d: did you mean %s or %s?",
				text, prefix.Bits(), masked, prefix.Addr())
		}
		return prefix, nil
	},
	write: netip.Prefix.String,
}

var portsForm = form[media.PortRange]{
	name: "a range of ports",
	parse: func(text string) (media.PortRange, error) {
		low, high, ok := strings.Cut(text, "-")
		from, err1 := strconv.ParseUint(strings.TrimSpace(low), 10, 16)
		to, err2 := strconv.ParseUint(strings.TrimSpace(high), 10, 16)
		if !ok || err1 != nil || err2 != nil {
			return media.PortRange{}, misfit(text, "a range of ports", "LOW-HIGH such as 20000-29999, neither above 65535")
		}
		r := media.PortRange{First: uint16(from), Last: uint16(to)}
		switch {
		case r.First > r.Last:
			return r, fmt.Errorf("%s ends before it begins: write the lower port first", text)
		case r.First < 1024:
			return r, fmt.Errorf("%s begins below 1024, where the system's own services are: begin at 1024 or above", text)
		case r.Pairs() == 0:
			return r, fmt.Errorf("%s has no room for a call, which needs an even port and the odd one above it", text)
		}
		return r, nil
	},
	write: func(r media.PortRange) string { return fmt.Sprintf("%d-%d", r.First, r.Last) },
}

var codecForm = form[*codec.Codec]{
	name: "a codec",
	parse: func(text string) (*codec.Codec, error) {
		c, ok := codec.ByName(text)
		if !ok {
			return nil, misfit(text, "a codec", "pcma or pcmu")
		}
		return c, nil
	},
	write: func(c *codec.Codec) string { return strings.ToLower(c.Name) },
}

// durationForm is a duration from low to high, and also 0 if zero is true.
func durationForm(low, high time.Duration, zero bool) form[time.Duration] {
	return form[time.Duration]{
		name: "a duration",
		parse: func(text string) (time.Duration, error) {
			d, err := time.ParseDuration(text)
			switch {
			case err != nil:
				return 0, misfit(text, "a duration", "a number and its unit, such as 90s or 30m")
			case d == 0 && zero:
				return 0, nil
			case d < low:
				return 0, fmt.Errorf("%s is too short: at least %s", text, writeDuration(low))
			case d > high:
				return 0, fmt.Errorf("%s is too long: at most %s", text, writeDuration(high))
			}
			return d, nil
		},
		write: writeDuration,
	}
}

// writeDuration writes d in one unit, as an operator would: 90s and 30m where time.Duration says
// 1m30s and 30m0s.
func writeDuration(d time.Duration) string {
	if d == 0 {
		return "0"
	}
	for _, unit := range []struct {
		length, least time.Duration
		name          string
	}{
		{time.Hour, time.Hour, "h"},
		{time.Minute, 2 * time.Minute, "m"}, // a minute is better known as 60s
		{time.Second, time.Second, "s"},
	} {
		if d >= unit.least && d%unit.length == 0 {
			return strconv.FormatInt(int64(d/unit.length), 10) + unit.name
		}
	}
	return d.String()
}

// numberForm is a whole number from low to high.
func numberForm(low, high int) form[int] {
	return form[int]{
		name: "a number",
		parse: func(text string) (int, error) {
			n, err := strconv.Atoi(text)
			if err != nil || n < low || n > high {
				return 0, misfit(text, "a number here", fmt.Sprintf("one from %d to %d", low, high))
			}
			return n, nil
		},
		write: strconv.Itoa,
	}
}

var switchForm = form[bool]{
	name: "true or false",
	parse: func(text string) (bool, error) {
		switch text {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
		return false, misfit(text, "a switch", "true or false")
	},
	write: strconv.FormatBool,
}

// productForm is the text of a User-Agent or Server header field (RFC 3261 section 25.1,
// server-val).  A line break in it would be a header field of the operator's making.
var productForm = form[string]{
	name: "a product name", quoted: true,
	parse: func(text string) (string, error) {
		bad := func(r rune) bool { return r < ' ' || r > '~' }
		if strings.TrimSpace(text) != text || text == "" || len(text) > 64 || strings.ContainsFunc(text, bad) {
			return "", misfit(text, "a product name", "1 to 64 printable ASCII characters")
		}
		return text, nil
	},
	write: func(text string) string { return text },
}

// httpForm is an address to serve HTTP on, or nothing.
var httpForm = form[string]{
	name: "an address to serve on", quoted: true,
	parse: func(text string) (string, error) {
		if text == "" {
			return "", nil
		}
		if _, err := netip.ParseAddrPort(text); err != nil {
			return "", misfit(text, "an address to serve on", "ADDRESS:PORT such as 127.0.0.1:9090, or \"\" for none")
		}
		return text, nil
	},
	write: func(text string) string { return text },
}

var levelForm = form[slog.Level]{
	name: "a log level",
	parse: func(text string) (slog.Level, error) {
		for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
			if strings.EqualFold(text, level.String()) {
				return level, nil
			}
		}
		return 0, misfit(text, "a log level", "debug, info, warn or error")
	},
	write: func(level slog.Level) string { return strings.ToLower(level.String()) },
}

var logFormatForm = form[string]{
	name: "a log format",
	parse: func(text string) (string, error) {
		if text != logText && text != logJSON {
			return "", misfit(text, "a log format", "text or json")
		}
		return text, nil
	},
	write: func(text string) string { return text },
}
