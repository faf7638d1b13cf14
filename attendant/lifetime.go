package attendant

import "context"

// lifetime is a context that is over when a call is, and takes no goroutine for that. What the context says besides was said of
// the dial-out that has brought him, which is over before.
type lifetime struct {
	context.Context
	call ending
}

// ending is what ends: a call.
type ending interface{ Done() <-chan struct{} }

// Done is closed when the call has ended.
func (l lifetime) Done() <-chan struct{} { return l.call.Done() }

// Err is Canceled then.
func (l lifetime) Err() error {
	select {
	case <-l.call.Done():
		return context.Canceled
	default:
		return nil
	}
}

// during is what is true of the call as long as it lasts.
func during(ctx context.Context, call ending) context.Context {
	return lifetime{context.WithoutCancel(ctx), call}
}
