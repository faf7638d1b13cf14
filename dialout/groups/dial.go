package groups

import (
	"context"
	"net"
	"time"
)

// The drivers are given this package's dial.  Not all of them look at their context while they wait for a server
// that has taken the connection and then says nothing, or while they read the answer to a login; a socket that is
// closed under them ends every wait.

// askedKey is where a question's own context is found in those that drivers derive of it and end as they like.
type askedKey struct{}

// asking is the context of a question, whose end will close what it has dialled.
func asking(ctx context.Context) context.Context {
	return context.WithValue(ctx, askedKey{}, ctx)
}

// strayTime is how long a connection lives that belongs to no question: pgx opens one to tell the server that
// nobody waits for a query any more.
const strayTime = time.Second

// dial opens a connection that lives no longer than the question that it is for.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	asked, isAsked := ctx.Value(askedKey{}).(context.Context)
	if !isAsked {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, strayTime)
		defer cancel()
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	switch {
	case err != nil:
		return nil, err
	case isAsked:
		context.AfterFunc(asked, func() { conn.Close() })
	default:
		conn.SetDeadline(time.Now().Add(strayTime))
	}
	return conn, nil
}
