package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"sespan/internal/postgres"
)

// listenWait is how long a notification may be on its way.
const listenWait = 2 * time.Second

// checkListen sends a notification the way that serve hears of a mail.
func (x *examination) checkListen(ctx context.Context) []finding {
	took, err := x.doctor().ListenRoundTrip(ctx, x.settings.Direct, listenWait)
	const polled = ": mails are polled for, and go out up to seconds later"
	switch {
	case errors.Is(err, postgres.ErrNotHeard):
		return warning(err.Error()+", so what listens goes through a pooler that swallows LISTEN"+polled, "name the server itself in SESPAN_DATABASE_DIRECT_URL, or let the pooler pool by session")
	case err != nil:
		return warning(cause(err)+polled, "correct SESPAN_DATABASE_DIRECT_URL: the server itself, not a pooler")
	}
	way := ""
	if x.settings.Pooled() {
		way = ", notified through the pooler and heard past it"
	}
	return well("a notification arrived after %s%s", took.Round(100*time.Microsecond), way)
}

// checkTriggers names our triggers that were disabled or dropped, and what is lost meanwhile.
func (x *examination) checkTriggers(ctx context.Context) []finding {
	broken, err := x.doctor().BrokenTriggers(ctx)
	if err != nil {
		return failed(err)
	}
	if len(broken) == 0 {
		return well("the doorbell's, those that count, and those of the audit are enabled")
	}
	out := make([]finding, 0, len(broken))
	for _, t := range broken {
		how, mend := "is disabled", fmt.Sprintf("ALTER TABLE %s ENABLE TRIGGER %s", t.Table, t.Name)
		if t.Missing {
			how, mend = "is missing", "have its CREATE TRIGGER run by the owner of the schema, as it stands in sql/migrations of this version; a schema without anything to keep is made anew by migrate down and up"
		}
		f := finding{stateWrong, fmt.Sprintf("%s of %s %s: %s", t.Name, t.Table, how, lossOf(t.Name)), mend}
		if t.Name == doorbell {
			f.State = stateWarning
		}
		if strings.Contains(t.Name, "stats_") || strings.HasPrefix(t.Name, "count_") {
			f.Mend += "; sespan stats check then says what is missing"
		}
		out = append(out, f)
	}
	return out
}

const doorbell = "mail_doorbell_ring"

func lossOf(trigger string) string {
	switch {
	case trigger == doorbell:
		return "mails wait for the next poll"
	case strings.HasPrefix(trigger, "stats_"), strings.HasPrefix(trigger, "count_"):
		return "what happens meanwhile is not counted"
	case strings.HasSuffix(trigger, "_audit"), strings.HasSuffix(trigger, "_audit_delete"):
		return "changes leave no trace in the audit"
	case trigger == "audit_guard":
		return "the audit can be changed"
	}
	return "what it keeps consistent no longer is"
}
