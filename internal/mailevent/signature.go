package mailevent

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"sespan/internal/problem"
	"sespan/internal/secret"
)

// SignatureHeader carries the signature of the signed form:
//
//	Sespan-Signature: t=1763809200,k=relay-1,v1=<hex of HMAC-SHA-256(key, "1763809200." + body)>
const SignatureHeader = "Sespan-Signature"

// SNSHeader is of Amazon SNS: the type of the message.
const SNSHeader = "X-Amz-Sns-Message-Type"

// maxSignature is the longest header; ours has some 130 characters.
const maxSignature = 500

// signatureMaxAge is how far the signature's time may be from ours.
const signatureMaxAge = 5 * time.Minute

const minKeyBytes = 16

var keyID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)

// Keys are the sources of the signed form: their keys by id.
type Keys map[string][]byte

// ParseKeys reads "id:base64,id:base64…"; keys have 16 bytes or more. The error
// names the entry by its number, never by its content.
func ParseKeys(s string) (Keys, error) {
	keys := Keys{}
	if strings.TrimSpace(s) == "" {
		return keys, nil
	}
	for i, part := range strings.Split(s, ",") {
		id, encoded, ok := strings.Cut(strings.TrimSpace(part), ":")
		if !ok || !keyID.MatchString(id) {
			return nil, fmt.Errorf("entry %d is not id:base64 with an id of 1-32 letters, digits, - or _", i+1)
		}
		key, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(encoded, "="))
		if err != nil || len(key) < minKeyBytes {
			return nil, fmt.Errorf("entry %d is not at least %d bytes of base64", i+1, minKeyBytes)
		}
		if keys[id] != nil {
			return nil, fmt.Errorf("entry %d repeats an id", i+1)
		}
		keys[id] = key
	}
	return keys, nil
}

// Weak names the keys that somebody could guess by their ids, and why.
func (k Keys) Weak() map[string]string {
	weak := map[string]string{}
	for id, raw := range k {
		if reason := secret.Weakness(raw); reason != "" {
			weak[id] = reason
		}
	}
	return weak
}

// Sign gives the header for a body, for tests and for sources written in Go.
func (k Keys) Sign(id string, at time.Time, body []byte) string {
	t := strconv.FormatInt(at.Unix(), 10)
	return "t=" + t + ",k=" + id + ",v1=" + hex.EncodeToString(k.mac(id, t, body))
}

func (k Keys) mac(id, t string, body []byte) []byte {
	h := hmac.New(sha256.New, k[id])
	h.Write([]byte(t + "."))
	h.Write(body)
	return h.Sum(nil)
}

// signature is the parts of a header.
type signature struct {
	key, time string
	mac       []byte
}

// parseSignature reads a header of the right form and of now. Problem: unauthorized.
func parseSignature(header string, now time.Time) (signature, error) {
	form := unauthorized("Send " + SignatureHeader + ": t=<unix time>,k=<key id>,v1=<hex HMAC-SHA-256>.")
	if len(header) > maxSignature {
		return signature{}, form
	}
	parts := map[string]string{}
	for part := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		parts[name] = value
	}
	seconds, err := strconv.ParseInt(parts["t"], 10, 64)
	mac, hexErr := hex.DecodeString(parts["v1"])
	if err != nil || hexErr != nil || len(mac) != sha256.Size {
		return signature{}, form
	}
	if off := now.Sub(time.Unix(seconds, 0)); off > signatureMaxAge || off < -signatureMaxAge {
		return signature{}, unauthorized("The signature's time is more than five minutes off; check both clocks.")
	}
	return signature{parts["k"], parts["t"], mac}, nil
}

// verify gives the source that signed the body. Problem: unauthorized.
func (k Keys) verify(header string, body []byte, now time.Time) (source string, err error) {
	s, err := parseSignature(header, now)
	if err != nil {
		return "", err
	}
	_, known := k[s.key]
	// Computed for an unknown id as well: the time tells nothing of which ids exist.
	if !hmac.Equal(s.mac, k.mac(s.key, s.time, body)) || !known {
		return "", unauthorized("The signature is not of a known key over this body.")
	}
	return s.key, nil
}

func unauthorized(detail string) error { return problem.New(problem.Unauthorized, detail) }
