package main

import (
	"context"
	"log/slog"

	"github.com/sipconf/sipconf/dialout/groups"
	"github.com/sipconf/sipconf/rooms/plan"
)

// prepareGroups makes what the store needs, if a number leads to a group, so that the operator knows at the start
// whether it can be made.  If not, that is no reason not to start.  No server is asked: one that is down now may be
// up when somebody calls a group.
func prepareGroups(cfg *Config, store groups.Store, log *slog.Logger) {
	if !callsGroups(cfg.Numbers) {
		return
	}
	if err := store.Prepare(context.Background()); err != nil {
		log.Warn("no group can be called until this is mended: see groups.store in the configuration", "err", err)
	}
}

// callsGroups says whether a number leads to a group.
func callsGroups(rules []plan.Rule) bool {
	for _, rule := range rules {
		if rule.Group != "" {
			return true
		}
	}
	return false
}

// groupsTrouble is what keeps the store from being used here, as a warning, if a number leads to a group.
func groupsTrouble(cfg *Config, trouble func(store string) error) (warnings faults) {
	if trouble == nil || !callsGroups(cfg.Numbers) {
		return nil
	}
	if err := trouble(cfg.Groups.Store); err != nil {
		warnings = append(warnings, fault{path: "groups.store", text: err.Error() + ": no group could be called", warning: true})
	}
	return warnings
}
