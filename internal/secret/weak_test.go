package secret

import (
	"encoding/base64"
	"strings"
	"testing"
)

func TestWeakKeysAreNamed(t *testing.T) {
	t.Parallel()
	encode := base64.StdEncoding.EncodeToString
	r, err := Parse("zero:" + encode(make([]byte, 32)) + ",typed:" + encode([]byte("Tr0ub4dor&3 xkcd-936 QWERTZ uiop")) + "," + Generate("good"))
	if err != nil {
		t.Fatal(err)
	}
	weak := strings.Join(r.Weak(), "; ")
	if want := `key "zero" of SESPAN_SECRET_KEYS is one byte 32 times; key "typed" of SESPAN_SECRET_KEYS is text that somebody typed, not random bytes`; weak != want {
		t.Errorf("%q, want %q", weak, want)
	}
	if r.Len() != 3 || !r.Has("good") || r.Has("bad") {
		t.Error("the ring does not know its keys")
	}
	for range 500 {
		r, err := Parse(Generate("1"))
		if err != nil || len(r.Weak()) > 0 {
			t.Fatalf("a random key: %v, %v", r.Weak(), err)
		}
	}
}
