package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// version is set by the linker for a release: -ldflags "-X main.version=v1.2.3".
var version string

// versionCmd is `sipconf version`.
type versionCmd struct{}

// Run writes one line: sipconf v1.2.3 (revision 2f42d0bb1c6e, 2025-11-21T20:33:00Z) go1.26.8 linux/amd64.
func (*versionCmd) Run(p *process) error {
	_, err := fmt.Fprintf(p.stdout, "sipconf %s %s %s/%s\n", ownVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// ownVersion is the version of the program that runs.
func ownVersion() string {
	info, _ := debug.ReadBuildInfo() // nil without module support: then we only know what the linker said
	return versionText(version, info)
}

// versionText is the linker's version, or else the module's, with the revision it was built from.
func versionText(linked string, info *debug.BuildInfo) string {
	if info == nil {
		info = &debug.BuildInfo{}
	}
	text := linked
	if text == "" {
		text = info.Main.Version
	}
	if text == "" {
		text = "(devel)"
	}
	settings := map[string]string{}
	for _, setting := range info.Settings {
		settings[setting.Key] = setting.Value
	}
	revision := settings["vcs.revision"]
	if revision == "" {
		return text
	}
	about := []string{"revision " + revision[:min(12, len(revision))]}
	if time := settings["vcs.time"]; time != "" {
		about = append(about, time)
	}
	if settings["vcs.modified"] == "true" {
		about = append(about, "modified")
	}
	return text + " (" + strings.Join(about, ", ") + ")"
}
