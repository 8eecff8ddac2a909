package access

import (
	"context"
	"net/netip"
	"time"
)

// Kind is how a caller proved who they are.
type Kind string

// The closed list of kinds.
const (
	KindKey      Kind = "key"      // Authorization: Bearer sk_…
	KindCustomer Kind = "customer" // a customer's JWT, bound to one order
	KindStaff    Kind = "staff"    // a staff member's JWT with roles
)

// Role is what a caller may do.
type Role string

// The closed list of roles. RoleCustomer is never given to a key.
const (
	RoleService   Role = "service"
	RoleReport    Role = "report"
	RoleDashboard Role = "dashboard"
	RoleAdmin     Role = "admin"
	RoleCustomer  Role = "customer"
)

// Principal is an authenticated caller.
type Principal struct {
	Kind     Kind
	Roles    []Role
	KeyID    string     // of a service key
	Subject  string     // sub of a token: the customer id, or the staff user's id
	Name     string     // of the key, or the staff user's name
	Issued   time.Time  // of a staff token: the site's clock when it looked at the roles
	Address  netip.Addr // of a staff token: where the person is, as the site saw it; the zero Addr for unknown
	OrderRef string     // claims of a customer token
	Amount   string     // decimal string
	// CustomerTable is the table of the site whose key the subject is, schema.table; "" where the token does not say it.
	CustomerTable string
}

// Has tells whether the principal has one of the roles.
func (p Principal) Has(roles ...Role) bool {
	for _, have := range p.Roles {
		for _, want := range roles {
			if have == want {
				return true
			}
		}
	}
	return false
}

type contextKey struct{}

// With puts the principal into a context.
func With(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, contextKey{}, p)
}

// From gives the principal of a context, false before authentication.
func From(ctx context.Context) (Principal, bool) {
	p, ok := ctx.Value(contextKey{}).(Principal)
	return p, ok
}
