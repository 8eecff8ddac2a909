package otp

import (
	"bytes"
	"crypto/rand"
	"strings"
	"testing"

	"github.com/google/uuid"

	"sespan/internal/secret"
)

func TestNormalise(t *testing.T) {
	t.Parallel()
	for input, want := range map[string]string{
		"123456": "123456", " 123 456\n": "123456", "123-456": "123456", "123–456": "123456", "１２３４５６": "123456",
		"1\u200b2\u00a03\u202f4\ufeff56": "123456", "1−2−3456": "123456", "12345678": "12345678", "000000": "000000", "\u3000012345": "012345",
	} {
		if got, ok := Normalise(input); !ok || got != want {
			t.Errorf("%q: %q, %v; want %q", input, got, ok, want)
		}
	}
	for _, input := range []string{
		"", " ", "12345", "123456789", "12345a", "12345६", "1,23456", "1.23456", "+123456", "0x1234", "123456\x00", "\xff123456",
		strings.Repeat(" ", 60) + "123456",
	} {
		if got, ok := Normalise(input); ok {
			t.Errorf("%q was taken for %q", input, got)
		}
	}
}

func FuzzNormalise(f *testing.F) {
	f.Add("123 456")
	f.Add("１２３-４５６")
	f.Add("\xff\xfe")
	f.Fuzz(func(t *testing.T, input string) {
		got, ok := Normalise(input)
		if !ok {
			return
		}
		if len(got) < minDigits || len(got) > maxDigits || strings.Trim(got, "0123456789") != "" {
			t.Errorf("%q became %q", input, got)
		}
		if again, ok := Normalise(got); !ok || again != got {
			t.Errorf("%q became %q, then %q", input, got, again)
		}
	})
}

func TestNewCode(t *testing.T) {
	t.Parallel()
	for _, digits := range []int{6, 8} {
		seen := map[string]bool{}
		var first [10]int
		for range 2000 {
			code, err := randomCode(rand.Reader, digits)
			if n, ok := Normalise(code); err != nil || !ok || n != code || len(code) != digits {
				t.Fatalf("%q, %v", code, err)
			}
			seen[code] = true
			first[code[0]-'0']++
		}
		if len(seen) < 1980 {
			t.Errorf("%d different of 2000", len(seen))
		}
		for d, n := range first { // 200 expected; 100 off is more than 7 sigma
			if n < 100 || n > 300 {
				t.Errorf("%d codes start with %d", n, d)
			}
		}
	}
	if _, err := randomCode(bytes.NewReader(nil), 6); err == nil {
		t.Error("a code without randomness")
	}
}

func TestHashServesOneChallengeAndPurpose(t *testing.T) {
	t.Parallel()
	ring, err := secret.Parse(secret.Generate("a"))
	if err != nil {
		t.Fatal(err)
	}
	c := &Challenge{ID: uuid.New(), Purpose: Login}
	id, hash := hashCode(ring, c.ID, c.Purpose, "123456")
	codes := []Code{{ID: 7, KeyID: id, Hash: hash}}
	if got, ok := matchCode(ring, c, codes, "123456"); !ok || got != 7 {
		t.Error("the correct code does not match")
	}
	other, registration, unkeyed := *c, *c, codes[0]
	other.ID, registration.Purpose, unkeyed.KeyID = uuid.New(), Registration, "gone"
	for name, match := range map[string]func() (int64, bool){
		"wrong code":        func() (int64, bool) { return matchCode(ring, c, codes, "123457") },
		"another challenge": func() (int64, bool) { return matchCode(ring, &other, codes, "123456") },
		"another purpose":   func() (int64, bool) { return matchCode(ring, &registration, codes, "123456") },
		"key is gone":       func() (int64, bool) { return matchCode(ring, c, []Code{unkeyed}, "123456") },
		"no codes":          func() (int64, bool) { return matchCode(ring, c, nil, "123456") },
	} {
		if _, ok := match(); ok {
			t.Errorf("%s: matches", name)
		}
	}
}

func TestMask(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"ann@example.co": "a***@example.co", "A@EXAMPLE.co": "a***@example.co", "Émile@example.co": "é***@example.co", "Ｉnfo@bücher.example": "i***@xn--bcher-kva.example", "nothing": "***", "@x": "***",
	} {
		if got := mask(address); got != want {
			t.Errorf("%q: %q, want %q", address, got, want)
		}
	}
}

func TestParseAddress(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"a@b.co": "a@b.co", " A+b@B.co ": "A+b@b.co", "a.b@xn--bcher-kva.example": "a.b@xn--bcher-kva.example", "Ä@Bücher.example": "Ä@xn--bcher-kva.example",
	} {
		if got, ok := parseAddress(s); !ok || got != want {
			t.Errorf("%q: %q, %v", s, got, ok)
		}
	}
	for _, s := range []string{
		"", "a", "a@", "@b.co", "A <a@b.co>", "<a@b.co>", "a@b.co, c@d.co", "a@b.co (x)", "a\n@b.co", "a@b.co\x00", "\xff@b.co", "\ufffd@b.co",
		`"a b"@b.co`, strings.Repeat("a", 250) + "@b.co",
	} {
		if got, ok := parseAddress(s); ok {
			t.Errorf("%q was taken for %q", s, got)
		}
	}
}
