package access

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"time"
)

const (
	keyPrefix   = "sk_"
	keyIDLength = 12
	secretBytes = 32
	secretChars = 43 // of 32 bytes in URL base64
	keyLength   = len(keyPrefix) + keyIDLength + 1 + secretChars
	idAlphabet  = "abcdefghijklmnopqrstuvwxyz234567"
)

// Key is a service key as it is stored: without its secret.
type Key struct {
	ID         string
	SecretHash [sha256.Size]byte
	Role       Role
	Name       string
	OwnerID    string // primary key of the person of the site whose key it is; "": a machine's
	OwnerName  string // that person's username when the key was made
	Replaces   string // the key that it was made for in its place; "": none
	Created    time.Time
	Expires    time.Time // zero: never
	Revoked    time.Time // zero: not
	LastUsed   time.Time // zero: never; up to a minute old
}

// Live tells whether the key may be used at now.
func (k Key) Live(now time.Time) bool {
	return k.Revoked.IsZero() && (k.Expires.IsZero() || now.Before(k.Expires))
}

// State tells what the key is good for at now: active, expired or revoked.
func (k Key) State(now time.Time) string {
	switch {
	case !k.Revoked.IsZero():
		return "revoked"
	case !k.Live(now):
		return "expired"
	}
	return "active"
}

// IsKey tells whether a bearer credential looks like a service key.
func IsKey(bearer string) bool { return strings.HasPrefix(bearer, keyPrefix) }

// parseKey takes a presented key apart; false when it has not a key's shape.
func parseKey(presented string) (id, secret string, ok bool) {
	if len(presented) != keyLength || !IsKey(presented) {
		return "", "", false
	}
	id, secret = presented[len(keyPrefix):len(keyPrefix)+keyIDLength], presented[keyLength-secretChars:]
	return id, secret, presented[len(keyPrefix)+keyIDLength] == '_' && isKeyID(id)
}

func isKeyID(id string) bool {
	return len(id) == keyIDLength && strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}

// matches compares in constant time.
func (k Key) matches(secret string) bool {
	sum := sha256.Sum256([]byte(secret))
	return subtle.ConstantTimeCompare(sum[:], k.SecretHash[:]) == 1
}

// generateKey gives a new id and secret, and the whole key as its user presents it;
// random nil is crypto/rand.
func generateKey(random io.Reader) (id, secret, whole string, err error) {
	var raw [keyIDLength + secretBytes]byte
	if random == nil {
		random = rand.Reader
	}
	if _, err := io.ReadFull(random, raw[:]); err != nil {
		return "", "", "", fmt.Errorf("random source: %w", err)
	}
	letters := make([]byte, keyIDLength)
	for i := range letters {
		letters[i] = idAlphabet[int(raw[i])%len(idAlphabet)] // 32 letters: no bias
	}
	id, secret = string(letters), base64.RawURLEncoding.EncodeToString(raw[keyIDLength:])
	return id, secret, keyPrefix + id + "_" + secret, nil
}
