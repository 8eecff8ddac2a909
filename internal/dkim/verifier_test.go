package dkim

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

var (
	blanks   = regexp.MustCompile(`[ \t]+`)
	lineEnd  = regexp.MustCompile(`[ \t]+\r\n`)
	lastLine = regexp.MustCompile(`(\r\n)+$`)
	bTag     = regexp.MustCompile(`([;:]\s*b=)[^;]*`)
)

// verifyIndependently verifies the signatures of s as RFC 6376 and RFC 8463 say, without
// the library that made them.
func verifyIndependently(s *Signer, text string) error {
	head, body, ok := strings.Cut(text, "\r\n\r\n")
	if !ok {
		return errors.New("no body")
	}
	var fields []string
	for line := range strings.SplitSeq(head, "\r\n") {
		if strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t") {
			fields[len(fields)-1] += "\r\n" + line
		} else {
			fields = append(fields, line)
		}
	}
	found := 0
	for _, f := range fields {
		if name, value, _ := strings.Cut(f, ":"); strings.EqualFold(name, "DKIM-Signature") {
			if err := s.verifySignature(f, value, fields, body); err != nil {
				return err
			}
			found++
		}
	}
	if found != len(s.keys) {
		return fmt.Errorf("%d signatures", found)
	}
	return nil
}

func (s *Signer) verifySignature(field, value string, fields []string, body string) error {
	if got := tag(value, "c"); got != "relaxed/relaxed" {
		return fmt.Errorf("c=%s", got)
	}
	digest := sha256.Sum256([]byte(relaxedBody(body)))
	if got := base64.StdEncoding.EncodeToString(digest[:]); got != tag(value, "bh") {
		return errors.New("another body hash")
	}
	var in bytes.Buffer
	left := append([]string{}, fields...)
	for name := range strings.SplitSeq(tag(value, "h"), ":") {
		for i := len(left) - 1; i >= 0; i-- { // from the bottom (section 5.4.2)
			if have, _, _ := strings.Cut(left[i], ":"); strings.EqualFold(strings.TrimSpace(have), name) {
				in.WriteString(relaxedField(left[i]) + "\r\n")
				left = append(left[:i], left[i+1:]...)
				break
			}
		}
	}
	in.WriteString(relaxedField(bTag.ReplaceAllString(field, "$1")))
	hash := sha256.Sum256(in.Bytes())
	signature, err := base64.StdEncoding.DecodeString(tag(value, "b"))
	if err != nil {
		return err
	}
	for _, k := range s.keys {
		if k.Selector != tag(value, "s") {
			continue
		}
		if public, ok := k.private.Public().(*rsa.PublicKey); ok {
			return rsa.VerifyPKCS1v15(public, crypto.SHA256, hash[:], signature)
		}
		if !ed25519.Verify(k.private.Public().(ed25519.PublicKey), hash[:], signature) {
			return errors.New("another signature")
		}
		return nil
	}
	return errors.New("unknown selector")
}

// relaxedField is section 3.4.2.
func relaxedField(f string) string {
	name, value, _ := strings.Cut(f, ":")
	value = blanks.ReplaceAllString(strings.ReplaceAll(value, "\r\n", ""), " ")
	return strings.ToLower(strings.TrimSpace(name)) + ":" + strings.Trim(value, " ")
}

// relaxedBody is section 3.4.4.
func relaxedBody(b string) string {
	b = lineEnd.ReplaceAllString(b, "\r\n")
	b = blanks.ReplaceAllString(b, " ")
	b = lastLine.ReplaceAllString(b, "")
	if b != "" {
		b += "\r\n"
	}
	return b
}
