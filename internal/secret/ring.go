// Package secret holds the key ring of SESPAN_SECRET_KEYS: sealing (AES-256-GCM)
// and keyed hashes (HMAC-SHA-256), each under a sub-key derived for one label.
//
// The first key of the ring signs and seals; every key verifies and opens, so a
// key is rotated by putting a new one in front and dropping the old one when
// nothing sealed or hashed under it is alive any more.
package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Label separates the uses of a key: what is made under one label means
// nothing under another.
type Label string

// The closed list of labels.
const (
	LabelMail   Label = "mail"   // sealed bodies of queued mails
	LabelOTP    Label = "otp"    // keyed hashes of one-time codes
	LabelData   Label = "data"   // a site's form data sealed in a challenge
	LabelSeed   Label = "seed"   // draw seeds at rest
	LabelCursor Label = "cursor" // where a list goes on
)

var labels = [...]Label{LabelMail, LabelOTP, LabelData, LabelSeed, LabelCursor}

const keyBytes = 32

var (
	// ErrUnknownKey says that the ring has no key of the id in a sealed value.
	ErrUnknownKey = errors.New("secret: sealed with a key that SESPAN_SECRET_KEYS does not hold")
	// ErrBroken says that a sealed value was cut, changed or made for another use.
	ErrBroken = errors.New("secret: sealed value is broken")

	keyID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,16}$`)
)

// Ring is a parsed list of keys. It is safe for concurrent use.
type Ring struct {
	keys []key
}

type key struct {
	id    string
	weak  string // why somebody could guess it; "" for a random one
	aeads map[Label]cipher.AEAD
	macs  map[Label]*sync.Pool // of hash.Hash, keyed once: HMAC set-up costs two compressions
}

// Parse reads "id:base64,id:base64…". Each key has 32 random bytes in standard
// or URL base64; the error names the entry by number, never by its content.
func Parse(s string) (*Ring, error) {
	r := &Ring{}
	seen := map[string]bool{}
	for i, part := range strings.Split(strings.TrimSpace(s), ",") {
		id, enc, ok := strings.Cut(strings.TrimSpace(part), ":")
		if !ok || !keyID.MatchString(id) {
			return nil, fmt.Errorf("entry %d is not id:base64 with an id of 1-16 letters, digits, - or _", i+1)
		}
		if seen[id] {
			return nil, fmt.Errorf("entry %d repeats an id", i+1)
		}
		seen[id] = true
		raw, err := decode(enc)
		if err != nil || len(raw) != keyBytes {
			return nil, fmt.Errorf("entry %d is not %d bytes of base64", i+1, keyBytes)
		}
		k, err := derive(id, raw)
		if err != nil {
			return nil, err
		}
		r.keys = append(r.keys, k)
	}
	return r, nil
}

// Generate makes one new entry for SESPAN_SECRET_KEYS from crypto/rand.
func Generate(id string) string {
	var b [keyBytes]byte
	rand.Read(b[:])
	return id + ":" + base64.StdEncoding.EncodeToString(b[:])
}

func decode(s string) ([]byte, error) {
	s = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(s, "="))
	return base64.RawStdEncoding.DecodeString(s)
}

func derive(id string, raw []byte) (key, error) {
	k := key{id: id, weak: Weakness(raw), aeads: map[Label]cipher.AEAD{}, macs: map[Label]*sync.Pool{}}
	for _, l := range labels {
		seal, err := hkdf.Key(sha256.New, raw, nil, "sespan seal "+string(l), keyBytes)
		if err != nil {
			return key{}, err
		}
		block, err := aes.NewCipher(seal)
		if err != nil {
			return key{}, err
		}
		if k.aeads[l], err = cipher.NewGCM(block); err != nil {
			return key{}, err
		}
		sub, err := hkdf.Key(sha256.New, raw, nil, "sespan mac "+string(l), keyBytes)
		if err != nil {
			return key{}, err
		}
		k.macs[l] = &sync.Pool{New: func() any { return hmac.New(sha256.New, sub) }}
	}
	return k, nil
}

// Current gives the id of the key that signs.
func (r *Ring) Current() string { return r.keys[0].id }

// Len is how many keys there are.
func (r *Ring) Len() int { return len(r.keys) }

// Has reports whether there is a key of that id.
func (r *Ring) Has(id string) bool {
	return slices.ContainsFunc(r.keys, func(k key) bool { return k.id == id })
}

// MAC gives the keyed hash of the parts under the signing key and its id. The
// parts are length-prefixed, so no two lists of parts share a hash.
func (r *Ring) MAC(l Label, parts ...[]byte) (id string, mac []byte) {
	return r.keys[0].id, r.keys[0].mac(l, parts)
}

// MACWith gives the keyed hash under the key of that id, or false when the ring
// has no such key any more.
func (r *Ring) MACWith(id string, l Label, parts ...[]byte) ([]byte, bool) {
	for i := range r.keys {
		if r.keys[i].id == id {
			return r.keys[i].mac(l, parts), true
		}
	}
	return nil, false
}

func (k *key) mac(l Label, parts [][]byte) []byte {
	h := k.macs[l].Get().(hash.Hash)
	defer k.macs[l].Put(h)
	h.Reset()
	var n [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write(p)
	}
	return h.Sum(nil)
}

// Seal encrypts plain for one label and one context (such as a challenge id):
// 1 byte length of the key id, the id, 12 bytes nonce, ciphertext with tag.
func (r *Ring) Seal(l Label, context string, plain []byte) []byte {
	k := &r.keys[0]
	aead := k.aeads[l]
	out := make([]byte, 0, 1+len(k.id)+aead.NonceSize()+len(plain)+aead.Overhead())
	out = append(out, byte(len(k.id))) //nolint:gosec // an id has at most 16 bytes
	out = append(out, k.id...)
	nonce := out[len(out) : len(out)+aead.NonceSize()]
	rand.Read(nonce)
	return aead.Seal(out[:len(out)+len(nonce)], nonce, plain, []byte(context))
}

// SealedBy gives the id of the key that sealed a value; empty for what is no seal.
func SealedBy(sealed []byte) string {
	if len(sealed) < 1 || len(sealed) < 1+int(sealed[0]) {
		return ""
	}
	return string(sealed[1 : 1+int(sealed[0])])
}

// IDs gives the ids of the keys, the one that signs first.
func (r *Ring) IDs() []string {
	ids := make([]string, len(r.keys))
	for i := range r.keys {
		ids[i] = r.keys[i].id
	}
	return ids
}

// Open is the inverse of Seal. Errors: ErrUnknownKey, ErrBroken.
func (r *Ring) Open(l Label, context string, sealed []byte) ([]byte, error) {
	if len(sealed) < 1 || len(sealed) < 1+int(sealed[0]) {
		return nil, ErrBroken
	}
	id, rest := string(sealed[1:1+int(sealed[0])]), sealed[1+int(sealed[0]):]
	for i := range r.keys {
		if r.keys[i].id != id {
			continue
		}
		aead := r.keys[i].aeads[l]
		if len(rest) < aead.NonceSize() {
			return nil, ErrBroken
		}
		plain, err := aead.Open(nil, rest[:aead.NonceSize()], rest[aead.NonceSize():], []byte(context))
		if err != nil {
			return nil, ErrBroken
		}
		return plain, nil
	}
	return nil, ErrUnknownKey
}
