package secret

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestSealOpensOnlyForItsLabelAndContext(t *testing.T) {
	t.Parallel()
	r, err := Parse(Generate("a"))
	if err != nil {
		t.Fatal(err)
	}
	sealed := r.Seal(LabelMail, "m1", []byte("123456"))
	if bytes.Contains(sealed, []byte("123456")) {
		t.Fatal("the sealed value holds the plain text")
	}
	if got, err := r.Open(LabelMail, "m1", sealed); err != nil || string(got) != "123456" {
		t.Fatalf("got %q, %v", got, err)
	}
	for name, open := range map[string]func() ([]byte, error){
		"label":   func() ([]byte, error) { return r.Open(LabelData, "m1", sealed) },
		"context": func() ([]byte, error) { return r.Open(LabelMail, "m2", sealed) },
		"cut":     func() ([]byte, error) { return r.Open(LabelMail, "m1", sealed[:5]) },
		"empty":   func() ([]byte, error) { return r.Open(LabelMail, "m1", nil) },
		"short":   func() ([]byte, error) { return r.Open(LabelMail, "m1", []byte{200, 1}) },
	} {
		if _, err := open(); !errors.Is(err, ErrBroken) {
			t.Errorf("%s: %v, want ErrBroken", name, err)
		}
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	old, fresh := Generate("old"), Generate("new")
	before, _ := Parse(old)
	both, err := Parse(fresh + ", " + old)
	if err != nil {
		t.Fatal(err)
	}
	after, _ := Parse(fresh)
	sealed := before.Seal(LabelMail, "", []byte("x"))
	if got, err := both.Open(LabelMail, "", sealed); err != nil || string(got) != "x" {
		t.Fatalf("got %q, %v", got, err)
	}
	if _, err := after.Open(LabelMail, "", sealed); !errors.Is(err, ErrUnknownKey) {
		t.Fatalf("got %v, want ErrUnknownKey", err)
	}
	id, mac := before.MAC(LabelOTP, []byte("c"), []byte("1"))
	if again, ok := both.MACWith(id, LabelOTP, []byte("c"), []byte("1")); !ok || !bytes.Equal(mac, again) {
		t.Fatal("the older key's hash is not found again")
	}
	if both.Current() != "new" {
		t.Fatalf("the first key must sign, got %q", both.Current())
	}
}

func TestMACPartsAreUnambiguous(t *testing.T) {
	t.Parallel()
	r, _ := Parse(Generate("a"))
	_, one := r.MAC(LabelOTP, []byte("ab"), []byte("c"))
	_, two := r.MAC(LabelOTP, []byte("a"), []byte("bc"))
	if bytes.Equal(one, two) {
		t.Fatal("two lists of parts share a hash")
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	good := Generate("a")
	for name, s := range map[string]string{
		"empty": "", "no colon": "abc", "short": "a:AAAA", "bad id": "a b:" + good[2:],
		"twice": good + "," + good, "not base64": "a:" + strings.Repeat("!", 44),
	} {
		_, err := Parse(s)
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		if len(s) > 5 && strings.Contains(err.Error(), good[2:]) {
			t.Errorf("%s: the error shows the key: %v", name, err)
		}
	}
}
