package access

import (
	"context"
	"slices"
	"time"

	"sespan/internal/problem"
)

const (
	// MaxReportKeyDays bounds the own keys of report people; rotation does not lengthen it.
	MaxReportKeyDays = 90
	// clockSlack is how far the site's clock, by which a token was made, and the
	// database's may be apart, and how long a change of rights may take to commit.
	clockSlack = 30 * time.Second
)

// NotByKey answers a service key that asks for keys.
const NotByKey = "Keys are made, listed, rotated and revoked by people: with a staff token of the site, or with sespan keys at the command line; never by a key."

// StaffKeys are the calls on keys that people of the site make with a staff token. An
// admin sees and ends all keys, and makes and rotates machines' and their own; a report
// person only has to do with their own.
type StaffKeys struct{ Admin KeyAdmin }

// KeyRequest is a wish for a key.
type KeyRequest struct {
	Role Role
	Name string
	Days *int  // of its life; nil: for ever, or as long as the person may
	Own  *bool // nil: own for who may make no others
}

// List gives the keys that the person sees, the oldest first.
func (s StaffKeys) List(ctx context.Context, p Principal) ([]Key, error) {
	owner, err := sees(p)
	if err != nil {
		return nil, err
	}
	return s.Admin.Store.KeyList(ctx, owner)
}

// Create makes a key and gives it whole, for the only time. Errors: problem.Invalid,
// problem.Forbidden for a role that the person may not give, problem.Conflict for one
// own key too many.
func (s StaffKeys) Create(ctx context.Context, p Principal, r KeyRequest) (Key, string, error) {
	if _, err := sees(p); err != nil {
		return Key{}, "", err
	}
	key, days := Key{Role: r.Role, Name: r.Name}, 0
	if r.Days != nil {
		days = *r.Days
	}
	if !p.Has(RoleAdmin) {
		switch {
		case r.Own != nil && !*r.Own:
			return Key{}, "", problem.New(problem.Forbidden, "You may make keys of your own; machines' keys are made by an admin.").AtField("own")
		case r.Role != RoleReport:
			return Key{}, "", problem.New(problem.Forbidden, "Your keys may have the role report.").AtField("role")
		case days > MaxReportKeyDays:
			return Key{}, "", problem.Newf(problem.Invalid, "Your keys live at most %d days.", MaxReportKeyDays).AtField("expires_in_days")
		case r.Days == nil:
			days = MaxReportKeyDays
		}
	}
	if !p.Has(RoleAdmin) || r.Own != nil && *r.Own {
		if !slices.Contains(staffRoles, r.Role) {
			return Key{}, "", problem.New(problem.Invalid, "An own key must have the role report, dashboard or admin.").AtField("role")
		}
		key.OwnerID, key.OwnerName = p.Subject, p.Name
	}
	return s.Admin.make(ctx, key, time.Duration(days)*24*time.Hour, p.Issued.Add(-clockSlack))
}

// Revoke ends a key; again it changes nothing. Errors: problem.UnknownKey, for
// somebody else's key too where the person does not see it.
func (s StaffKeys) Revoke(ctx context.Context, p Principal, id string) error {
	owner, err := sees(p)
	if err != nil {
		return err
	}
	if id, err = keyIDOf(id); err != nil {
		return err
	}
	_, err = s.Admin.Store.KeyRevoke(ctx, id, owner, s.Admin.Clock())
	return err
}

// Rotate makes a key in the place of another, as KeyAdmin.Rotate does, own ones too.
func (s StaffKeys) Rotate(ctx context.Context, p Principal, id string, overlap time.Duration) (Key, string, error) {
	owner, err := sees(p)
	if err != nil {
		return Key{}, "", err
	}
	return s.Admin.rotate(ctx, id, overlap, p.Issued.Add(-clockSlack), func(old Key) error {
		switch {
		case owner != "" && old.OwnerID != owner:
			return unknownKey()
		case old.OwnerID != p.Subject:
			return refuseOwned(old)
		case !p.Has(RoleAdmin, old.Role):
			return problem.New(problem.Forbidden, LostRight)
		}
		return nil
	})
}

// sees gives whose keys the person sees: "" for all.
func sees(p Principal) (ownerID string, err error) {
	switch {
	case p.Kind != KindStaff:
		return "", problem.New(problem.Forbidden, NotByKey)
	case p.Has(RoleAdmin):
		return "", nil
	case p.Has(RoleReport):
		return p.Subject, nil
	}
	return "", problem.New(problem.Forbidden, "Keys are for people with the role report or admin.")
}

func unknownKey() error { return problem.New(problem.UnknownKey, "There is no key with this id.") }
