package access

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/lestrrat-go/jwx/v3/jws"
)

const (
	audience       = "sespan"
	maxTokenLength = 4096 // bytes
	maxTokenLife   = 15 * time.Minute
	leeway         = 30 * time.Second
)

// Tokens verifies the JWTs that the site signs for browsers. It is safe for
// concurrent use.
type Tokens struct {
	Keys  *KeySet // nil: every token is refused
	Clock func() time.Time
}

// Verify gives the principal of a token: of a customer (sub, order_ref, amount) or
// of a staff member (scope staff, sub, name, roles). Its error is a problem.Unauthorized, the same for
// everything that can be wrong; the reason is its cause, for the operator.
func (t *Tokens) Verify(ctx context.Context, token string) (Principal, error) {
	p, err := t.verify(ctx, token)
	if err != nil {
		return Principal{}, unauthorizedBecause(err)
	}
	return p, nil
}

func (t *Tokens) verify(ctx context.Context, token string) (Principal, error) {
	if t.Keys == nil {
		return Principal{}, errors.New("token: SESPAN_JWKS is not set")
	}
	if len(token) > maxTokenLength {
		return Principal{}, errors.New("token: too long")
	}
	kid, err := kidOf(token)
	if err != nil {
		return Principal{}, err
	}
	key, ok := t.Keys.find(ctx, kid)
	if !ok {
		return Principal{}, errors.New("token: signed with a key that SESPAN_JWKS does not hold")
	}
	// Checks that the header names the algorithm of the key, refuses crit and b64.
	payload, err := jws.VerifyCompactFast(key.public, []byte(token), key.algorithm)
	if err != nil {
		return Principal{}, fmt.Errorf("token: %w", err)
	}
	c, err := parseClaims(payload)
	if err != nil {
		return Principal{}, err
	}
	if err := c.checkTimes(t.Clock()); err != nil {
		return Principal{}, err
	}
	return c.principal()
}

// kidOf reads the kid of a compact JWS, whose header must be a plain one: nothing
// in it may point elsewhere for a key.
func kidOf(token string) (string, error) {
	head, rest, ok := bytes.Cut([]byte(token), []byte("."))
	if !ok || bytes.Count(rest, []byte(".")) != 1 {
		return "", errors.New("token: not three parts")
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(string(head))
	if err != nil {
		return "", errors.New("token: header is not base64url")
	}
	for part := range bytes.SplitSeq(rest, []byte(".")) { // the library would take padding
		if _, err := base64.RawURLEncoding.Strict().DecodeString(string(part)); err != nil {
			return "", errors.New("token: not base64url")
		}
	}
	members, err := uniqueMembers(raw)
	if err != nil {
		return "", err
	}
	for name := range members {
		switch name {
		case "alg", "kid", "typ":
		default:
			return "", errors.New("token: header has a member beside alg, kid and typ")
		}
	}
	var kid string
	if json.Unmarshal(members["kid"], &kid) != nil || kid == "" || len(kid) > maxKeyIDLength {
		return "", errors.New("token: no kid")
	}
	return kid, nil
}

// uniqueMembers reads a JSON object and refuses a name that comes twice: readers
// disagree on which of them counts.
func uniqueMembers(raw []byte) (map[string]json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, errors.New("token: not a JSON object")
	}
	members := map[string]json.RawMessage{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, errors.New("token: broken JSON")
		}
		text, _ := name.(string)
		if _, twice := members[text]; twice {
			return nil, errors.New("token: a member comes twice")
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, errors.New("token: broken JSON")
		}
		members[text] = value
	}
	if _, err := d.Token(); err != nil || d.InputOffset() != int64(len(bytes.TrimRight(raw, " \t\r\n"))) {
		return nil, errors.New("token: broken JSON")
	}
	return members, nil
}
