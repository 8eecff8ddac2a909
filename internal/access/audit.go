package access

import (
	"context"
	"net/netip"
)

// Way is through what somebody acts.
type Way string

// The ways that Go knows; the site's pages say "admin" by themselves.
const (
	WayHTTP Way = "http"
	WayCLI  Way = "cli"
)

// Actor is who is at work, for the audit: the triggers of the tables write these
// beside the database login. It comes with the context of a call.
type Actor struct {
	Name    string     // of the key, the staff user, or the user of the operating system
	ID      string     // of the key, or the staff user's primary key; "" for none
	Way     Way        // through what
	Address netip.Addr // of the caller, where it is known
}

type actorKey struct{}

// WithActor puts the actor into a context.
func WithActor(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

// ActorFrom gives the actor of a context, false where nobody in particular acts.
func ActorFrom(ctx context.Context) (Actor, bool) {
	a, ok := ctx.Value(actorKey{}).(Actor)
	return a, ok
}

// AuditAction is what was done that no trigger sees.
type AuditAction string

// Reads of personal data.
const (
	AuditRead   AuditAction = "read"
	AuditExport AuditAction = "export"
)

// AuditSubject is of what.
type AuditSubject string

// What personal data is read of.
const (
	AuditAPILog      AuditSubject = "api_log"
	AuditTransaction AuditSubject = "transaction"
)

// AuditEntry is a row of the audit that no trigger writes.
type AuditEntry struct {
	Action    AuditAction
	Subject   AuditSubject
	SubjectID string // which one; "" for a list
	Detail    string // filters of a search, as "name=value …"; longer than 1000 characters is cut
}

// Auditor enters what the actor of the context reads. The entry is committed when
// Enter returns nil: whoever shows personal data calls it first, and shows nothing
// when it fails.
type Auditor interface {
	Enter(ctx context.Context, e AuditEntry) error
}
