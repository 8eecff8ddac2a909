package postgres

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"sespan/internal/postgres/dbsqlc"
)

// Login is the database login of `sespan serve`.
type Login struct {
	Name     string
	Password string // the new one; "" when the login was there before
}

// EnsureLogin makes the login <prefix>serve, a member of <prefix>service. An existing one
// keeps its password.
func EnsureLogin(ctx context.Context, address, rolePrefix string) (Login, error) {
	prefix := cmp.Or(rolePrefix, DefaultRolePrefix)
	l := Login{Name: prefix + "serve"}
	conn, err := connectOnce(ctx, address)
	if err != nil {
		return l, fmt.Errorf("login: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // its work is done or its error is on its way
	password := rand.Text()
	verifier, err := scramVerifier(password)
	if err != nil {
		return l, err
	}
	made, err := dbsqlc.New().DatabaseLoginEnsure(ctx, conn, l.Name, verifier, prefix+"service")
	if isState(err, stateDuplicateObject) {
		return l, fmt.Errorf("login %s: %w; rename that role, or take another --role-prefix for a new installation", l.Name, err)
	}
	if err != nil {
		return l, fmt.Errorf("login %s: %w; make it by hand: CREATE ROLE %s LOGIN PASSWORD '…' IN ROLE %sservice", l.Name, err, l.Name, prefix)
	}
	if made {
		l.Password = password
	}
	return l, nil
}

const (
	scramIterations = 4096 // PostgreSQL's own default
	scramSalt       = 16
)

// scramVerifier is what PostgreSQL stores of a password: RFC 5802, section 3,
// with SHA-256 (RFC 7677). The password is ASCII, so SASLprep changes nothing.
func scramVerifier(password string) (string, error) {
	salt := make([]byte, scramSalt)
	rand.Read(salt)
	salted, err := pbkdf2.Key(sha256.New, password, salt, scramIterations, sha256.Size)
	if err != nil {
		return "", err
	}
	keyed := func(key []byte, text string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	stored := sha256.Sum256(keyed(salted, "Client Key"))
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", scramIterations, b64(salt), b64(stored[:]), b64(keyed(salted, "Server Key"))), nil
}
