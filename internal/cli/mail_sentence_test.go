package cli

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/mail"
)

// sampleFacts has a value for each fact; a text and a moment show themselves.
const sampleFacts = `{"due_at": "2026-01-02T03:04:05+00:00", "leased_until": "2026-01-02T03:04:05+00:00", "tried_at": "2026-01-02T03:04:05+00:00",
	"since": "2026-01-02T03:04:05+00:00", "finished_at": "2026-01-02T03:04:05+00:00", "expires_at": "2026-01-02T03:04:05+00:00",
	"wiped_at": "2026-01-02T03:04:05+00:00", "failure": "rcpt_to", "code": 451, "reply": "come back", "relay": "relay:25",
	"pause": "domain:slow.example", "actor": "anna", "attempts": 3, "try": 4, "ahead": 7, "ago": 5, "dispatch": "amqp", "workers": 0}`

// Every reason of the database has its sentence there and here, with all its
// facts, and its line in the docs.
func TestEveryReasonHasItsSentence(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	docs, err := os.ReadFile("../../docs/mail-operations.md")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := db.Pool.Query(t.Context(), `SELECT r.reason, r.facts, f.sample, sespan.mail_sentence(r.reason, f.sample), sespan.mail_sentence(r.reason, '{}')
		FROM sespan.mail_reasons() r
		CROSS JOIN LATERAL (SELECT coalesce(jsonb_object_agg(e.key, e.value), '{}') AS sample FROM jsonb_each($1) e WHERE e.key = ANY (r.facts)) f`, sampleFacts)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		n++
		var c mail.Cause
		var names []string
		var sample []byte
		var sql, bare *string
		if err := rows.Scan(&c.Reason, &names, &sample, &sql, &bare); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(sample, &c.Facts); err != nil {
			t.Fatal(err)
		}
		if sql == nil || bare == nil {
			t.Errorf("%s has no sentence in SQL", c.Reason)
			continue
		}
		ours := sentence(c)
		if ours == c.Reason || ours == c.Reason+" No worker is running." || sentence(mail.Cause{Reason: c.Reason}) == c.Reason {
			t.Errorf("%s has no sentence here", c.Reason)
		}
		for _, name := range names {
			if want := shown(c.Reason, name); !strings.Contains(*sql, want) || !strings.Contains(ours, want) {
				t.Errorf("%s: %s is not in %q and %q", c.Reason, name, *sql, ours)
			}
		}
		if !strings.Contains(string(docs), "\n| `"+c.Reason+"` |") {
			t.Errorf("%s is not in docs/mail-operations.md", c.Reason)
		}
	}
	if err := rows.Err(); err != nil || n < 20 {
		t.Errorf("%d reasons, %v", n, err)
	}
}

// shown is how a sample stands in sentences.
func shown(reason, fact string) string {
	switch fact {
	case "workers":
		return "No worker is running."
	case "failure", "code", "reply", "relay", "pause", "actor":
		return map[string]string{"failure": "rcpt_to", "code": "451", "reply": "come back", "relay": "relay:25", "pause": "domain:slow.example", "actor": "anna"}[fact]
	case "attempts", "try", "ahead", "ago", "dispatch":
		return map[string]string{"ago": "5 s", "dispatch": "RabbitMQ", "attempts": "3 tries", "try": "number 4", "ahead": "7 other"}[fact]
	}
	if reason == "abandoned" || reason == "overdue" {
		return "" // stands beside the sentence
	}
	return "2026-01-02 03:04:05"
}

func TestSentenceOfWhatIsNotKnownHere(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]mail.Cause{
		"":      {},
		"later": {Reason: "later"},
		"It waits behind more than 10000 other mails.": {Reason: "behind", Facts: mail.Facts{Ahead: 10001}},
		"It is held by the pause of all mails.":        {Reason: "paused", Facts: mail.Facts{Pause: "all"}},
	} {
		if got := sentence(c); got != want {
			t.Errorf("%+v: %q, want %q", c, got, want)
		}
	}
}
