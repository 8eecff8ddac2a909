package otp

import (
	"crypto/hmac"
	"crypto/rand"
	"fmt"
	"io"
	"math/big"
	"unicode"

	"github.com/google/uuid"
	"golang.org/x/text/width"

	"sespan/internal/secret"
)

const (
	minDigits = 6
	maxDigits = 8
	maxInput  = 64 // bytes of what a person may have typed or pasted
)

// randomCode draws a uniform code of the given number of digits.
func randomCode(random io.Reader, digits int) (string, error) {
	bound := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil)
	n, err := rand.Int(random, bound)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%0*d", digits, n), nil
}

// Normalise reduces what a person typed to the digits of a code. It takes
// spaces, dashes, invisible characters and full-width digits; false for anything
// else, and for a number of digits that no code has.
func Normalise(input string) (string, bool) {
	if len(input) > maxInput {
		return "", false
	}
	digits := make([]byte, 0, maxDigits)
	for _, r := range width.Narrow.String(input) {
		switch {
		case r >= '0' && r <= '9':
			if len(digits) == maxDigits {
				return "", false
			}
			digits = append(digits, byte(r))
		case unicode.IsSpace(r), unicode.Is(unicode.Pd, r), unicode.Is(unicode.Cf, r), r == '\u2212':
		default:
			return "", false
		}
	}
	return string(digits), len(digits) >= minDigits
}

// hashCode gives the keyed hash of a code under the signing key. A hash serves
// one challenge and one purpose alone.
func hashCode(ring *secret.Ring, challenge uuid.UUID, p Purpose, code string) (keyID string, hash []byte) {
	return ring.MAC(secret.LabelOTP, challenge[:], []byte(p), []byte(code))
}

// matchCode gives the code whose hash the guess has, in a time that does not
// depend on the guess.
func matchCode(ring *secret.Ring, c *Challenge, codes []Code, guess string) (id int64, ok bool) {
	for _, code := range codes {
		hash, known := ring.MACWith(code.KeyID, secret.LabelOTP, c.ID[:], []byte(c.Purpose), []byte(guess))
		if known && hmac.Equal(hash, code.Hash) {
			id, ok = code.ID, true
		}
	}
	return id, ok
}
