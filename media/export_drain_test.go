package media

import "time"

// ShownHeld is what the board says is held back.
func (l *Leg) ShownHeld() time.Duration { return l.shown().held }
