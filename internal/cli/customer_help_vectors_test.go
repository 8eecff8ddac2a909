package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"sespan/internal/postgres"
)

// remarkVectors is the table that holds the command line and the site's admin page together.
type remarkVectors struct {
	Base    json.RawMessage
	Remarks map[string][]string // a part of each sentence: the page's first, the command's last
	Cases   []remarkCase
}

type remarkCase struct {
	Name     string
	IsActive bool `json:"is_active"`
	Email    *string
	Help     json.RawMessage
	Remarks  [][2]string // tone, name of the sentence
	Command  [][2]string // where the command says less
}

// state is what the command finds.
func (c remarkCase) state(t *testing.T, base json.RawMessage) (postgres.Person, postgres.CustomerHelp) {
	t.Helper()
	var help postgres.CustomerHelp
	for _, part := range []json.RawMessage{base, c.Help} {
		if err := json.Unmarshal(part, &help); err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
	}
	id, email := int64(7), "budi@example.com"
	if c.Email != nil {
		email = *c.Email
	}
	p := postgres.Person{ID: &id, Details: fmt.Appendf(nil, `{"is_active": %v}`, c.IsActive)}
	if email != "" {
		p.Emails = []string{email}
	}
	return p, help
}

// The command line says what the site's admin page says, in the same tones and order: one
// table of cases holds both, and django_bridge/tests/test_customer_help_remarks.py reads it, too.
func TestRemarksAreThoseOfTheAdminPage(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/customer_help_vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors remarkVectors
	if err := json.Unmarshal(raw, &vectors); err != nil || len(vectors.Cases) < 20 {
		t.Fatalf("%d cases, %v", len(vectors.Cases), err)
	}
	for _, c := range vectors.Cases {
		want := c.Remarks
		if c.Command != nil {
			want = c.Command
		}
		found := remarks(c.state(t, vectors.Base))
		same := len(found) == len(want)
		for i := range min(len(found), len(want)) {
			parts := vectors.Remarks[want[i][1]]
			same = same && len(parts) > 0 && found[i].tone == want[i][0] && strings.Contains(found[i].text, parts[len(parts)-1])
		}
		if !same {
			t.Errorf("%s: %q; want %q", c.Name, found, want)
		}
	}
}
