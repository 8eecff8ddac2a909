package dkim

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"slices"
)

// minRSABits is what RFC 8301 section 3.2 asks of signers.
const minRSABits = 2048

// Key is a private key and the selector under which its public half is published.
type Key struct {
	Selector string
	private  crypto.Signer
}

// NewKey takes an RSA key of at least 2048 bits or an Ed25519 key.
func NewKey(selector string, private crypto.Signer) (Key, error) {
	switch k := private.Public().(type) {
	case ed25519.PublicKey:
	case *rsa.PublicKey:
		if k.N.BitLen() < minRSABits {
			return Key{}, fmt.Errorf("the RSA key has %d bits, %d are the least", k.N.BitLen(), minRSABits)
		}
	default:
		return Key{}, errors.New("the key is neither RSA nor Ed25519")
	}
	return Key{Selector: selector, private: private}, nil
}

// ReadKey reads a PEM file (PKCS #8, or PKCS #1 for RSA). A file that everybody on
// the machine may read or write is refused.
func ReadKey(selector, path string) (Key, error) {
	file, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return Key{}, err
	}
	defer file.Close() //nolint:errcheck // only read
	info, err := file.Stat()
	switch {
	case err != nil:
		return Key{}, err
	case info.Mode().Perm()&0o007 != 0:
		return Key{}, fmt.Errorf("%s is open to everybody on this machine: chmod 600 it (640 for a group)", path)
	case info.Size() > 64<<10:
		return Key{}, fmt.Errorf("%s is no key: over 64 KiB", path)
	}
	text, err := os.ReadFile(path) //nolint:gosec // as above
	if err != nil {
		return Key{}, err
	}
	private, err := parsePEM(text)
	if err != nil {
		return Key{}, fmt.Errorf("%s: %w", path, err)
	}
	return NewKey(selector, private)
}

var errNoKey = errors.New("holds no private key in PEM, as from: openssl genpkey -algorithm ed25519 (or rsa -pkeyopt rsa_keygen_bits:2048)")

func parsePEM(text []byte) (crypto.Signer, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errNoKey
	}
	var key any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "ENCRYPTED PRIVATE KEY":
		return nil, errors.New("the key is encrypted: store it without a passphrase, readable by the service alone")
	default:
		return nil, errNoKey
	}
	signer, ok := key.(crypto.Signer)
	if err != nil || !ok {
		return nil, errNoKey
	}
	return signer, nil
}

// Name is where the public half is published.
func (k Key) Name(domain string) string { return k.Selector + "._domainkey." + domain }

// Record is the TXT record to publish there.
func (k Key) Record() string {
	if public, ok := k.private.Public().(ed25519.PublicKey); ok {
		return "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(public)
	}
	der, err := x509.MarshalPKIXPublicKey(k.private.Public())
	if err != nil { // cannot be: NewKey let only RSA and Ed25519 through
		return ""
	}
	return "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(der)
}

// In reports whether one of the records of DNS holds this key.
func (k Key) In(records []string) bool {
	want := tag(k.Record(), "p")
	return slices.ContainsFunc(records, func(r string) bool { return tag(r, "p") == want || asSPKI(tag(r, "p")) == want })
}

// asSPKI turns a bare RSA key (PKCS #1), which some publish, into the usual form.
func asSPKI(p string) string {
	der, err := base64.StdEncoding.DecodeString(p)
	if err != nil {
		return ""
	}
	key, err := x509.ParsePKCS1PublicKey(der)
	if err != nil {
		return ""
	}
	der, err = x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return ""
	}
	return base64.StdEncoding.EncodeToString(der)
}
