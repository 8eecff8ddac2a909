package dkim

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/dkim"
)

func rsaKey(t testing.TB) Key {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key(t, "rsa1", private)
}

func edKey(t testing.TB) Key {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key(t, "ed1", private)
}

func key(t testing.TB, selector string, private crypto.Signer) Key {
	t.Helper()
	k, err := NewKey(selector, private)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func signer(t testing.TB, keys ...Key) *Signer {
	t.Helper()
	s, err := New("shop.example", keys...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sign(t testing.TB, s *Signer, message string) string {
	t.Helper()
	out, err := s.Sign([]byte(message))
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

const message = "Date: Mon, 02 Jan 2006 15:04:05 +0000\r\nFrom: =?utf-8?q?B=C3=BCro?= <no-reply@shop.example>\r\nTo: a@b.co\r\n" +
	"Subject: Your order\r\n with a  folded   subject \r\nMessage-ID: <1.a@shop.example>\r\nMIME-Version: 1.0\r\n" +
	"List-Unsubscribe: <https://shop.example/u/1>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nX-Shop: 7\r\n" +
	"Content-Type: text/plain; charset=utf-8\r\n\r\n.leading dot \t \r\n\r\n \r\nGr\xc3\xbc\xc3\x9fe\r\n\r\n\r\n"

// verify asks the library's verifier, with the records that a DNS server would hold.
func verify(s *Signer, text string) error {
	records := map[string]string{}
	for _, k := range s.keys {
		records[k.Name(s.domain)] = k.Record()
	}
	found, err := dkim.VerifyWithOptions(strings.NewReader(text), &dkim.VerifyOptions{
		LookupTXT: func(name string) ([]string, error) { return []string{records[name]}, nil },
	})
	if err == nil && len(found) != len(s.keys) {
		return fmt.Errorf("%d signatures, want %d", len(found), len(s.keys))
	}
	for _, v := range found {
		if err == nil {
			err = v.Err
		}
	}
	return err
}

func TestSignaturesVerify(t *testing.T) {
	t.Parallel()
	messages := map[string]string{
		"usual":     message,
		"no body":   "From: a@shop.example\r\n\r\n",
		"blank end": "From: a@shop.example\r\nSubject: x\r\n\r\nx\r\n\r\n \r\n\r\n",
		"two To":    "From: a@shop.example\r\nTo: a@b.co\r\nTo: c@d.co\r\n\r\nx\r\n",
		"no end":    "From: a@shop.example\r\n\r\nno line end",
		"another's": "DKIM-Signature: v=1; a=rsa-sha256; d=news.example; s=x; h=From; bh=x; b=x\r\nFrom: a@shop.example\r\n\r\nx\r\n",
		"binary":    "From: a@shop.example\r\n\r\n" + strings.Repeat("\xff\x00\x7f\r\n", 30_000),
	}
	for name, keys := range map[string][]Key{"rsa": {rsaKey(t)}, "ed25519": {edKey(t)}, "both": {edKey(t), rsaKey(t)}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for what, text := range messages {
				s := signer(t, keys...)
				got := sign(t, s, text)
				if !strings.HasSuffix(got, text) {
					t.Errorf("%s: the message was changed", what)
				}
				if what == "another's" { // the library would verify that one, too
					_, text, _ = strings.Cut(text, "\r\n")
					got = sign(t, signer(t, keys...), text)
				}
				if err := verify(s, got); err != nil {
					t.Errorf("%s: %v\n%.900s", what, err, got)
				}
				if err := verifyIndependently(s, got); err != nil {
					t.Errorf("%s, by hand: %v", what, err)
				}
			}
		})
	}
}

// TestWhatRelaysDoDoesNoHarm and what a forger does is found.
func TestChangesInTransit(t *testing.T) {
	t.Parallel()
	s := signer(t, edKey(t))
	whole := sign(t, s, message)
	for what, c := range map[string]struct {
		from, to string
		breaks   bool
	}{
		"a Received in front":   {"DKIM-Signature:", "Received: by relay\r\nDKIM-Signature:", false},
		"folded otherwise":      {"Your order\r\n with", "Your\r\n\torder with", false},
		"name in another case":  {"\r\nSubject:", "\r\nSUBJECT:", false},
		"blanks at a line end":  {"leading dot \t \r\n", "leading dot\r\n", false},
		"an unsigned field":     {"X-Shop: 7", "X-Shop: 8", false},
		"another body":          {"Gr\xc3", "gr\xc3", true},
		"another subject":       {"Your order", "Your money", true},
		"a second From":         {"From:", "From: evil@shop.example\r\nFrom:", true},
		"a second Subject":      {"Subject:", "Subject: win\r\nSubject:", true},
		"another's unsubscribe": {"shop.example/u/1", "evil.example/u/1", true},
		"no one-click":          {"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", "", true},
	} {
		changed := strings.Replace(whole, c.from, c.to, 1)
		if strings.HasPrefix(what, "a second") { // behind the signature, in front of the signed field
			head, rest, _ := strings.Cut(whole, "\r\nDate:")
			changed = head + "\r\nDate:" + strings.Replace(rest, c.from, c.to, 1)
		}
		if changed == whole {
			t.Fatalf("%s: nothing was changed", what)
		}
		if err := verify(s, changed); (err != nil) != c.breaks {
			t.Errorf("%s: %v", what, err)
		}
		if err := verifyIndependently(s, changed); (err != nil) != c.breaks {
			t.Errorf("%s, by hand: %v", what, err)
		}
	}
}

// TestSignedAlready: a raw message that the site has signed stays as it is.
func TestSignedAlready(t *testing.T) {
	t.Parallel()
	s := signer(t, edKey(t))
	once := sign(t, s, message)
	if again := sign(t, s, once); again != once {
		t.Error("signed twice")
	}
	folded := "From: a@shop.example\r\nDkim-Signature: v=1;\r\n\ta=rsa-sha256;\r\n\td = SHOP.example ; b=x\r\n\r\nx\r\n"
	if got := sign(t, s, folded); got != folded {
		t.Error("a folded signature of the domain is overlooked")
	}
	inBody := "From: a@shop.example\r\n\r\nDKIM-Signature: d=shop.example; b=x\r\n"
	if got := sign(t, s, inBody); got == inBody {
		t.Error("a signature in the body keeps the mail from being signed")
	}
}

// TestEqualMessagesShareASignature: recipients of one message, and its later tries.
func TestEqualMessagesShareASignature(t *testing.T) {
	t.Parallel()
	counted := &counting{Signer: rsaKey(t).private}
	s := signer(t, key(t, "x", counted))
	first := sign(t, s, message)
	for range 100 {
		if sign(t, s, message) != first {
			t.Fatal("another signature")
		}
	}
	if counted.n != 1 {
		t.Errorf("%d signatures for one message", counted.n)
	}
	for i := range 2 * cacheSize {
		sign(t, s, strings.Replace(message, "order", fmt.Sprint("order ", i), 1))
	}
	if len(s.cache.entries) != cacheSize || len(s.cache.order) != cacheSize {
		t.Errorf("%d and %d are cached, want %d", len(s.cache.entries), len(s.cache.order), cacheSize)
	}
}

type counting struct {
	crypto.Signer
	n int
}

func (c *counting) Sign(r io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	c.n++
	return c.Signer.Sign(r, digest, o)
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	k := edKey(t)
	if _, err := New("shop.example"); err == nil {
		t.Error("no key is enough")
	}
	for _, domain := range []string{"", "shop..example", "shop example", "shop.example;", "büro.example", strings.Repeat("a", 64) + ".example"} {
		if _, err := New(domain, k); err == nil {
			t.Errorf("domain %q", domain)
		}
	}
	if _, err := New("shop.example", Key{Selector: "a b", private: k.private}); err == nil {
		t.Error("a selector with a blank")
	}
}

func BenchmarkSign(b *testing.B) {
	body := bytes.Repeat([]byte("<p>Your code is <strong>123 456</strong>. It is valid for ten minutes.</p>\r\n"), 40)
	text := append([]byte("From: Shop <shop@shop.example>\r\nTo: b@c.example\r\nDate: x\r\nSubject: "), body...)
	text = bytes.Replace(text, []byte("<p>"), []byte("0000000000\r\n\r\n"), 1)
	at := bytes.Index(text, []byte("0000000000"))
	for name, keys := range map[string][]Key{"ed25519": {edKey(b)}, "rsa2048": {rsaKey(b)}, "both": {edKey(b), rsaKey(b)}} {
		b.Run(name, func(b *testing.B) {
			s := signer(b, keys...)
			for i := range b.N {
				copy(text[at:], fmt.Sprintf("%010d", i)) // every message another one
				if _, err := s.Sign(text); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/same", func(b *testing.B) {
			s := signer(b, keys...)
			for range b.N {
				if _, err := s.Sign(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
