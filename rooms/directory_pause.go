package rooms

import (
	"context"
	"fmt"
)

// Pause has rooms stay on their loops, and recordings write nothing more, for another process to go on with their files; what they hear meanwhile waits in memory, for up to 5 s. It
// waits for who is on the way, for what is just being written, and for a recording that is being begun; one that is to begin now waits for Resume. The rooms themselves stand still
// when their engine is paused, which should come after this: a disk may be slow. The error is that ctx has ended first; then all goes on.
func (d *Directory) Pause(ctx context.Context) error {
	for _, g := range []struct {
		empty <-chan struct{}
		why   string
	}{
		{d.moves.close(), "a room is on its way to another media loop still, which is late"},
		{d.tapes.close(), "a recording is being written still, for its disk is slow"},
	} {
		select {
		case <-g.empty:
			continue
		default:
		}
		select {
		case <-g.empty:
		case <-ctx.Done():
			d.Resume()
			return fmt.Errorf("pause the rooms: %s: %w", g.why, ctx.Err())
		}
	}
	return nil
}

// Resume ends Pause, and also begins what Restore has made. A directory that is not paused is left alone.
func (d *Directory) Resume() {
	d.moves.open()
	d.tapes.open()
}

// Flush returns when the journal has told everything that was put before, Config.OnEvent included, which must not call it.
func (d *Directory) Flush() { d.journal.flush() }
