package dkim

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/emersion/go-msgauth/dkim"
)

// signedFields are the fields that are covered where they stand (RFC 6376 section 5.4.1).
var signedFields = [...]string{
	"From", "Sender", "Reply-To", "To", "Cc", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Auto-Submitted",
	"MIME-Version", "Content-Type", "Content-Transfer-Encoding", "List-Id", "List-Unsubscribe", "List-Unsubscribe-Post",
}

// oversignedFields are those of which no further one may be added.
var oversignedFields = [...]string{"From", "To", "Subject", "Date"}

// Signer signs messages for one domain. It is safe for any number of goroutines.
type Signer struct {
	domain string
	keys   []Key
	cache  signatureCache
}

// New makes a Signer for a domain; with two keys each message gets two signatures.
func New(domain string, keys ...Key) (*Signer, error) {
	if len(keys) == 0 {
		return nil, errors.New("dkim: there is no key")
	}
	if !domainName(domain) {
		return nil, errors.New("dkim: the domain is not a domain name")
	}
	for _, k := range keys {
		if !domainName(k.Selector) {
			return nil, errors.New("dkim: a selector is letters, digits and hyphens, with dots between")
		}
	}
	return &Signer{domain: domain, keys: keys, cache: newSignatureCache()}, nil
}

// Domain is the d= of the signatures.
func (s *Signer) Domain() string { return s.domain }

// Keys are the keys it signs with.
func (s *Signer) Keys() []Key { return s.keys }

// Sign gives the message with its DKIM-Signature fields in front. A message that
// carries one of this domain already is given back as it is.
func (s *Signer) Sign(message []byte) ([]byte, error) {
	names, signed := s.fields(message)
	if signed {
		return message, nil
	}
	digest := sha256.Sum256(message)
	signatures := s.cache.get(digest)
	if signatures == nil {
		for i := range s.keys {
			one, err := s.sign(&s.keys[i], names, message)
			if err != nil {
				return nil, err
			}
			signatures = append(signatures, one...)
		}
		s.cache.add(digest, signatures)
	}
	out := make([]byte, 0, len(signatures)+len(message))
	return append(append(out, signatures...), message...), nil
}

func (s *Signer) sign(k *Key, names []string, message []byte) (string, error) {
	one, err := dkim.NewSigner(&dkim.SignOptions{
		Domain: s.domain, Selector: k.Selector, Signer: k.private, HeaderKeys: names,
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
	})
	if err != nil {
		return "", fmt.Errorf("dkim: %w", err)
	}
	_, err = one.Write(message)
	if err = errors.Join(err, one.Close()); err != nil {
		return "", fmt.Errorf("dkim: %w", err)
	}
	return one.Signature(), nil
}

// fields gives the list for h=, and whether the domain has signed the message already.
func (s *Signer) fields(message []byte) (names []string, signed bool) {
	have := map[string]int{}
	for name, value := range headerFields(message) {
		name = strings.ToLower(name)
		if have[name]++; name == "dkim-signature" && strings.EqualFold(tag(value, "d"), s.domain) {
			return nil, true
		}
	}
	for _, name := range signedFields {
		for range have[strings.ToLower(name)] {
			names = append(names, name)
		}
		if slices.Contains(oversignedFields[:], name) {
			names = append(names, name)
		}
	}
	return names, false
}

// headerFields walks over the header, folded fields in one piece.
func headerFields(message []byte) func(yield func(name, value string) bool) {
	return func(yield func(string, string) bool) {
		for len(message) > 0 && message[0] != '\r' && message[0] != '\n' {
			end := 0
			for {
				n := bytes.IndexByte(message[end:], '\n')
				if n < 0 {
					end = len(message)
					break
				}
				if end += n + 1; end == len(message) || message[end] != ' ' && message[end] != '\t' {
					break
				}
			}
			name, value, _ := strings.Cut(string(message[:end]), ":")
			if message = message[end:]; !yield(strings.TrimSpace(name), value) {
				return
			}
		}
	}
}

// tag reads one tag of a DKIM-Signature field (RFC 6376 section 3.2).
func tag(value, name string) string {
	for pair := range strings.SplitSeq(value, ";") {
		k, v, _ := strings.Cut(pair, "=")
		if strings.TrimSpace(k) == name {
			return strings.Join(strings.Fields(v), "")
		}
	}
	return ""
}

// domainName reports whether s is a name of letters, digits and hyphens.
func domainName(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		plain := !strings.ContainsFunc(label, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
		})
		if label == "" || len(label) > 63 || !plain {
			return false
		}
	}
	return true
}
