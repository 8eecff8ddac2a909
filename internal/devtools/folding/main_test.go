package main

import (
	"os"
	"path/filepath"
	"testing"
)

// Each way to fold an identifier that the rules are for, and its right form.
func TestOtherFoldingsAreFound(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, line string
		found      bool
	}{
		{"a.sql", `WHERE lower(m.recipient) = x`, true},
		{"a.sql", `WHERE pg_catalog.UPPER (u.email) = x`, true},
		{"a.sql", `WHERE m.sender ILIKE 'a%'`, true},
		{"a.sql", `IF address ~* '^a'`, true},
		{"a.sql", `WHERE lower(m.recipient COLLATE "C") = x`, false},
		{"a.sql", `-- lower(x) of the locale`, false},
		{"a.py", `users.filter(email__iexact=email)`, true},
		{"a.py", `users.filter(**{f"{name}__icontains": part})`, true},
		{"a.py", `key = email.lower()`, true},
		{"a.py", `a.casefold() == b`, true},
		{"a.py", `cursor.execute("SELECT lower(email) FROM t")`, true},
		{"a.py", `users.order_by(Lower("email"))`, true},
		{"a.py", `level = name.lower()`, false},
		{"a.go", `if strings.EqualFold(domain, other) {`, true},
		{"a.go", `key := strings.ToLower(address)`, true},
		{"a.go", `q := "SELECT 1 WHERE upper(email) = $1"`, true},
		{"a.go", `d, err := idna.Lookup.ToASCII(name)`, true},
		{"a.go", `scheme := strings.ToLower(s)`, false},
	} {
		path := filepath.Join(t.TempDir(), c.name)
		if err := os.WriteFile(path, []byte("first\n"+c.line+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, r := range rules {
			if r.ending == filepath.Ext(c.name) {
				found += r.look(path, nil)
			}
		}
		if (found > 0) != c.found {
			t.Errorf("%s: found %d times, want it found: %v", c.line, found, c.found)
		}
	}
}

// What is allowed names its reason, and is of one file.
func TestAllowedLines(t *testing.T) {
	t.Parallel()
	allow := read("a.py: email.lower()  # why\nb.py: no reason\n\n")
	if len(allow) != 1 || !isAllowed("a.py", "key = email.lower()", allow) || isAllowed("b.py", "key = email.lower()", allow) || !allow["a.py: email.lower()"] {
		t.Errorf("%v", allow)
	}
}
