package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sespan/internal/problem"
)

// KeyStore keeps service keys. KeyRevoke gives the key as it then is; its error
// for a key that does not exist is a problem.NotFound.
type KeyStore interface {
	KeyInsert(ctx context.Context, k Key) error
	KeyList(ctx context.Context) ([]Key, error)
	KeyRevoke(ctx context.Context, id string, at time.Time) (Key, error)
}

// KeyAdmin creates, lists and revokes service keys: the commands `sespan keys …`.
type KeyAdmin struct {
	Store  KeyStore
	Clock  func() time.Time
	Random io.Reader // nil: crypto/rand
}

const maxKeyNameLength = 100

// Create makes a key and gives it whole, for the only time. life 0 is for ever.
// Errors: problem.Invalid for a role or name that cannot be.
func (k KeyAdmin) Create(ctx context.Context, role Role, name string, life time.Duration) (Key, string, error) {
	name = strings.TrimSpace(name)
	switch {
	case role != RoleService && role != RoleReport && role != RoleDashboard && role != RoleAdmin:
		return Key{}, "", problem.New(problem.Invalid, "The role must be service, report, dashboard or admin.").AtField("role")
	case name == "" || utf8.RuneCountInString(name) > maxKeyNameLength || !printable(name):
		return Key{}, "", problem.New(problem.Invalid, "The name must have 1 to 100 printable characters.").AtField("name")
	case life < 0:
		return Key{}, "", problem.New(problem.Invalid, "The life of a key cannot be negative.").AtField("expires")
	}
	random := k.Random
	if random == nil {
		random = rand.Reader
	}
	id, secret, whole, err := generateKey(random)
	if err != nil {
		return Key{}, "", err
	}
	key := Key{ID: id, SecretHash: sha256.Sum256([]byte(secret)), Role: role, Name: name, Created: k.Clock()}
	if life > 0 {
		key.Expires = key.Created.Add(life)
	}
	if err := k.Store.KeyInsert(ctx, key); err != nil {
		return Key{}, "", err
	}
	return key, whole, nil
}

// List gives every key, the oldest first, revoked ones too.
func (k KeyAdmin) List(ctx context.Context) ([]Key, error) { return k.Store.KeyList(ctx) }

// Revoke ends a key, named by its id or presented whole. Servers refuse it within
// seconds. A second revoke keeps the time of the first. Errors: problem.NotFound.
func (k KeyAdmin) Revoke(ctx context.Context, id string) (Key, error) {
	if whole, _, ok := parseKey(id); ok {
		id = whole
	}
	if !isKeyID(id) {
		return Key{}, problem.New(problem.NotFound, "A key's id has 12 characters; sespan keys list shows them.")
	}
	return k.Store.KeyRevoke(ctx, id, k.Clock())
}

func printable(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}
