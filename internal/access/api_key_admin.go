package access

import (
	"context"
	"crypto/sha256"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sespan/internal/problem"
)

// KeyStore keeps service keys. Errors for a key that does not exist, or is not the
// given owner's, are a problem.UnknownKey.
type KeyStore interface {
	// KeyInsert stores a new key. Of a person's it refuses one more than MaxOwnKeys
	// live ones (problem.Conflict), and one whose role the person was told to have
	// lost after toldAfter (problem.Forbidden).
	KeyInsert(ctx context.Context, k Key, toldAfter time.Time) error
	// KeyList gives all keys, or those of an owner, the oldest first.
	KeyList(ctx context.Context, ownerID string) ([]Key, error)
	// KeyRevoke revokes a key, or one of an owner, once, and gives it as it then is.
	KeyRevoke(ctx context.Context, id, ownerID string, at time.Time) (Key, error)
	// KeyRotate locks a key, lets decide say what becomes of it, and stores that:
	// two rotations, or a rotation and a revocation, take turns.
	KeyRotate(ctx context.Context, id string, toldAfter time.Time, decide func(Rotated) (Rotation, error)) error
}

// Rotated is a locked key that is about to be rotated.
type Rotated struct {
	Key       Key
	Successor string // id of the key that stands in its place already
	Lost      bool   // its owner was told to have lost the right to it
}

// Rotation is what becomes of a rotated key.
type Rotation struct {
	Next    Key
	Revoked time.Time // of the old one; zero: it ends at Expires
	Expires time.Time
}

// KeyAdmin creates, lists, rotates and revokes service keys: the commands
// `sespan keys …`, and what StaffKeys stands on.
type KeyAdmin struct {
	Store  KeyStore
	Clock  func() time.Time
	Random io.Reader // nil: crypto/rand
}

const (
	maxKeyNameLength = 100
	// MaxOwnKeys is how many live keys a person may have.
	MaxOwnKeys = 10
	// MaxOverlap is how long a rotated key may go on beside the new one.
	MaxOverlap = 24 * time.Hour
)

// Create makes a machine's key and gives it whole, for the only time. life 0 is for
// ever. Errors: problem.Invalid for a role or name that cannot be.
func (k KeyAdmin) Create(ctx context.Context, role Role, name string, life time.Duration) (Key, string, error) {
	return k.make(ctx, Key{Role: role, Name: name}, life, time.Time{})
}

// make makes a key of a role, a name and perhaps an owner.
func (k KeyAdmin) make(ctx context.Context, key Key, life time.Duration, toldAfter time.Time) (Key, string, error) {
	key.Name = strings.TrimSpace(key.Name)
	switch {
	case key.Role != RoleService && key.Role != RoleReport && key.Role != RoleDashboard && key.Role != RoleAdmin:
		return Key{}, "", problem.New(problem.Invalid, "The role must be service, report, dashboard or admin.").AtField("role")
	case !ValidKeyName(key.Name):
		return Key{}, "", problem.New(problem.Invalid, "The name must have 1 to 100 printable characters.").AtField("name")
	case life < 0:
		return Key{}, "", problem.New(problem.Invalid, "The life of a key cannot be negative.").AtField("expires")
	}
	whole, err := k.draw(&key)
	if err != nil {
		return Key{}, "", err
	}
	if life > 0 {
		key.Expires = key.Created.Add(life)
	}
	if err := k.Store.KeyInsert(ctx, key, toldAfter); err != nil {
		return Key{}, "", err
	}
	return key, whole, nil
}

// ValidKeyName tells whether a key may be called so.
func ValidKeyName(name string) bool {
	name = strings.TrimSpace(name)
	return name != "" && utf8.RuneCountInString(name) <= maxKeyNameLength && printable(name)
}

// draw gives a key its id, its secret and the time.
func (k KeyAdmin) draw(key *Key) (whole string, err error) {
	id, secret, whole, err := generateKey(k.Random)
	if err != nil {
		return "", err
	}
	key.ID, key.SecretHash, key.Created = id, sha256.Sum256([]byte(secret)), k.Clock().Truncate(time.Microsecond) // as it is stored
	return whole, nil
}

// List gives every key, the oldest first, revoked ones too.
func (k KeyAdmin) List(ctx context.Context) ([]Key, error) { return k.Store.KeyList(ctx, "") }

// Revoke ends a key, named by its id or presented whole. Servers refuse it within
// seconds. A second revoke keeps the time of the first. Errors: problem.UnknownKey.
func (k KeyAdmin) Revoke(ctx context.Context, id string) (Key, error) {
	id, err := keyIDOf(id)
	if err != nil {
		return Key{}, err
	}
	return k.Store.KeyRevoke(ctx, id, "", k.Clock())
}

// Rotate makes a key in the place of a machine's: same role, name and end. The old one
// ends at once, or after the overlap. Errors: problem.UnknownKey; problem.Invalid for
// the overlap; problem.Forbidden for a person's key, which only they rotate, because
// the new one is shown; problem.Conflict for one that is over or was rotated before.
func (k KeyAdmin) Rotate(ctx context.Context, id string, overlap time.Duration) (Key, string, error) {
	return k.rotate(ctx, id, overlap, time.Time{}, func(old Key) error { return refuseOwned(old) })
}

func (k KeyAdmin) rotate(ctx context.Context, id string, overlap time.Duration, toldAfter time.Time, may func(Key) error) (Key, string, error) {
	id, err := keyIDOf(id)
	if err != nil {
		return Key{}, "", err
	}
	if overlap < 0 || overlap > MaxOverlap {
		return Key{}, "", problem.New(problem.Invalid, "The overlap must be 0 to 86400 seconds.").AtField("overlap_seconds")
	}
	var next Key
	var whole string
	err = k.Store.KeyRotate(ctx, id, toldAfter, func(r Rotated) (Rotation, error) {
		if err := may(r.Key); err != nil {
			return Rotation{}, err
		}
		old := r.Key
		now := k.Clock()
		if err := refuseOver(r, now); err != nil {
			return Rotation{}, err
		}
		next = Key{Role: old.Role, Name: old.Name, OwnerID: old.OwnerID, OwnerName: old.OwnerName, Replaces: old.ID, Expires: old.Expires}
		if whole, err = k.draw(&next); err != nil {
			return Rotation{}, err
		}
		if overlap == 0 {
			return Rotation{Next: next, Revoked: now, Expires: old.Expires}, nil
		}
		end := now.Add(overlap)
		if !old.Expires.IsZero() && old.Expires.Before(end) {
			end = old.Expires
		}
		return Rotation{Next: next, Expires: end}, nil
	})
	if err != nil {
		return Key{}, "", err
	}
	return next, whole, nil
}

func refuseOwned(k Key) error {
	if k.OwnerID == "" {
		return nil
	}
	return problem.New(problem.Forbidden, "This is a person's own key: only they rotate it. You may revoke it.")
}

func refuseOver(r Rotated, now time.Time) error {
	switch {
	case !r.Key.Revoked.IsZero():
		return problem.New(problem.Conflict, "This key is revoked; make a new one.")
	case !r.Key.Live(now):
		return problem.New(problem.Conflict, "This key has expired; make a new one.")
	case r.Successor != "":
		return problem.Newf(problem.Conflict, "This key was rotated before: the key %s stands in its place; rotate that.", r.Successor)
	case r.Lost:
		return problem.New(problem.Forbidden, LostRight)
	}
	return nil
}

// LostRight answers who was told to have lost the right to a key.
const LostRight = "Your right to keys of this role was taken away since you opened this page; ask whoever manages the people of this site."

// keyIDOf reads an id, or takes it from a whole key.
func keyIDOf(id string) (string, error) {
	if ofWhole, _, ok := parseKey(id); ok {
		id = ofWhole
	}
	if !isKeyID(id) {
		return "", problem.New(problem.UnknownKey, "A key's id has 12 characters: those after sk_.")
	}
	return id, nil
}

func printable(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}
