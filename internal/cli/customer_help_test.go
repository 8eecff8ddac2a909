package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/mail"
	"sespan/internal/postgres"
)

// newStuckCustomer makes customer 7, who waits for a code that does not come: suppressed, and all used up.
func newStuckCustomer(t *testing.T) (db *pgtest.DB, at string) {
	t.Helper()
	db = pgtest.NewDB(t)
	db.Exec(t, `INSERT INTO public.auth_user (id, username, email, is_active) VALUES (7, 'budi', 'Budi@example.com', false)`)
	db.Exec(t, `INSERT INTO sespan.otp_activation (customer_id, granted_at) VALUES (7, now())`)
	db.Exec(t, `INSERT INTO sespan.otp_challenge (challenge_id, customer_id, budget_key, address_key, known_browser, sent_at, valid_until, decoy, purpose, locale, email)
		SELECT gen_random_uuid(), 7, sespan.otp_budget_key(k, 'registration', false), k, false, now(), now() + interval '10 min', false, 'registration', 'en', k
		FROM (VALUES ('budi@example.com')) AS v (k)`)
	db.Exec(t, `INSERT INTO sespan.otp (customer_id, challenge_id, valid_until, message_id, purpose, email, key_id, otp_number)
		SELECT 7, challenge_id, valid_until, sespan.mail_enqueue(recipient => email, subject => 'Code', body_text => 'b'), purpose, email, 'k1', sha256('') FROM sespan.otp_challenge`)
	db.Exec(t, `SELECT sespan.mail_suppress('budi@example.com', detail => 'moved away')`)
	db.Exec(t, `INSERT INTO sespan.budget (budget_key, used_at) SELECT sespan.budget_key('mails_address', 'budi@example.com'), array_agg(now() - interval '2 min') FROM generate_series(1, 5)`)
	db.Exec(t, `INSERT INTO sespan.otp_budget (budget_key, wrong_at) SELECT sespan.otp_budget_key('budi@example.com', 'registration', false), array_agg(now()) FROM generate_series(1, 10)`)
	return db, "--database-url=" + db.Login(t, "", "sespan_service").URL
}

// What holds a customer back is told, the gravest first, and what was used up is given back,
// each with its entry in the audit.
func TestCustomerWhyAndReset(t *testing.T) {
	t.Parallel()
	db, at := newStuckCustomer(t)
	lines := strings.Split(strings.TrimSpace(mustCommand(t, "customer", at, "why", "BUDI@example.com")), "\n")
	for i, want := range []string{
		"customer 7, BUDI@example.com",
		"cause    Nothing is sent to this address since ", "cause    10 wrong codes were tried in an hour", "cause    5 mails went to the address in an hour",
		"to know  The account waits for its first code, unless", "to know  A code was made at ", "to know  The mail with the newest code (",
	} {
		if i >= len(lines) || !strings.HasPrefix(lines[i], want) {
			t.Errorf("line %d should begin with %q:\n%s", i, want, strings.Join(lines, "\n"))
		}
	}
	if out := mustCommand(t, "customer", at, "reset", "--customer-id=7"); out != "Budi@example.com: 15 uses given back; mails and tries may go on at once\n" {
		t.Errorf("reset prints %q", out)
	}
	if out, said, err := command(t, "customer", at, "reset", "budi@example.com"); err != nil || out != "" || said != "nothing was used up\n" {
		t.Errorf("a second reset: %q, %q, %v", out, said, err)
	}
	var whole struct {
		CustomerID int64 `json:"customer_id"`
		IsActive   *bool `json:"is_active"`
		postgres.CustomerHelp
	}
	if err := json.Unmarshal([]byte(mustCommand(t, "customer", at, "why", "--customer-id=7", "--json")), &whole); err != nil {
		t.Fatal(err)
	}
	if whole.CustomerID != 7 || whole.IsActive == nil || *whole.IsActive || len(whole.Budgets) != 0 || len(whole.Codes) != 1 || whole.Codes[0].MailReason != "next" || len(whole.Suppressions) != 1 {
		t.Errorf("as JSON it is %+v", whole)
	}
	var audit string
	if err := db.Pool.QueryRow(t.Context(), `SELECT string_agg(concat_ws(' ', action, subject, subject_id, way), ', ' ORDER BY audit_id) FROM sespan.audit
		WHERE subject = 'customer' AND actor <> ''`).Scan(&audit); err != nil {
		t.Fatal(err)
	}
	if want := "read customer 7 cli, reset customer 7 cli, read customer 7 cli"; audit != want {
		t.Errorf("the audit has %q, want %q", audit, want)
	}
}

func TestCustomerHelpOfNobodyAndWithoutAnAddress(t *testing.T) {
	t.Parallel()
	db, at := newStuckCustomer(t)
	db.Exec(t, `INSERT INTO public.auth_user (id, username, email) VALUES (8, 'sari', '')`)
	out, said, err := command(t, "customer", at, "why", "nobody@example.com")
	if err != nil || !strings.Contains(said, "No customer has this address") || !strings.HasPrefix(out, "nobody@example.com\n") || !strings.HasSuffix(out, "to know  No code was asked for in the last days.\n") || strings.Count(out, "\n") != 2 {
		t.Errorf("of nobody: %q, %q, %v", out, said, err)
	}
	db.Exec(t, `INSERT INTO public.auth_user (id, username, email) VALUES (9, 'joko', ' joko '), (10, 'budi2', 'BUDI@example.com')`)
	db.Exec(t, `INSERT INTO sespan.budget (budget_key, used_at) SELECT sespan.budget_key('mails_address', 'joko'), array_agg(now() - interval '2 min') FROM generate_series(1, 5)`)
	for want, id := range map[string]string{
		"cause    The account has no e-mail address.":     "8",
		"cause     joko  is no e-mail address.":           "9",
		"cause    5 mails went to the address in an hour": "9", // of the text, which limits count, too
		"perhaps  Another account has this address, too.": "10",
	} {
		if out := mustCommand(t, "customer", at, "why", "--customer-id="+id); !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if out := mustCommand(t, "customer", at, "why", "--customer-id=10", "sole@example.com"); strings.Contains(out, "Another account") {
		t.Errorf("an address of one:\n%s", out)
	}
	for want, args := range map[string][]string{
		"ADDRESS":                             {"customer", at, "why"},
		"is not an e-mail address":            {"customer", at, "reset", "nobody"},
		"no customer has the number 11":       {"customer", at, "why", "--customer-id=11"},
		"customer 8 has no address":           {"customer", at, "reset", "--customer-id=8"},
		"several customers have this address": {"customer", at, "why", "budi@example.com"},
		"no right to that":                    {"customer", "--database-url=" + db.Login(t, "", "sespan_producer").URL, "reset", "x@example.com"},
	} {
		if _, _, err := command(t, args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", args, err, want)
		}
	}
}

// Each state that the database knows has its sentence, and none says nothing.
func TestRemarksOfEveryState(t *testing.T) {
	t.Parallel()
	now := time.Now()
	later, yes, no, id, most := now.Add(time.Hour), []byte(`{"is_active": true}`), []byte(`{"is_active": false}`), int64(7), int64(3)
	sent, detail := "sent", "550 no such user"
	person := func(details []byte) postgres.Person {
		return postgres.Person{ID: &id, Emails: []string{"a@example.com"}, Details: details}
	}
	code := func(status string) postgres.HelpCode {
		return postgres.HelpCode{Status: status, CreatedAt: now, ValidUntil: now, SameAddress: true}
	}
	mailed := code("pending")
	mailed.MessageID, mailed.MailState, mailed.MailReason, mailed.MailFacts = &id, &sent, "sent", mail.Facts{FinishedAt: &now}
	moved := mailed
	moved.SameAddress = false
	decoy := code("pending")
	decoy.Decoy = true
	budget := func(scope string, seconds int64) postgres.CustomerHelp {
		return postgres.CustomerHelp{At: now, Budgets: []postgres.HelpBudget{{Scope: scope, Used: 3, Most: &most, Seconds: seconds, FreeAt: &later}}}
	}
	held := func(scope, reason string) postgres.CustomerHelp {
		return postgres.CustomerHelp{Suppressions: []postgres.HelpSuppression{{Scope: scope, Reason: reason, Since: now, Until: &later, Detail: &detail}}}
	}
	codes := func(c ...postgres.HelpCode) postgres.CustomerHelp { return postgres.CustomerHelp{Codes: c} }
	for _, c := range []struct {
		person postgres.Person
		help   postgres.CustomerHelp
		want   string
	}{
		{person(yes), postgres.CustomerHelp{Right: "ended"}, "in order The account is active"},
		{person(no), postgres.CustomerHelp{Right: "live"}, "to know The account waits for its first code, unless"},
		{person(no), postgres.CustomerHelp{Right: "none"}, "cause The account is inactive and was never"},
		{person(no), postgres.CustomerHelp{Right: "ended"}, "cause The account was closed"},
		{person([]byte(`{}`)), postgres.CustomerHelp{Right: "ended"}, "to know The site does not say whether the account is active."},
		{person(yes), held("all", "bounce"), "cause Nothing is sent to this address since " + timestamp(&now) + ": a mail came back for good (550 no such user). It ends at " + timestamp(&later) + ". sespan mail unsuppress ends it."},
		{person(yes), held("except_codes", "complaint"), "to know Only codes are sent"},
		{person(yes), held("bulk", "unsubscribe"), "to know No newsletters are sent"},
		{person(yes), held("bulk", "of a newer version"), "to know No newsletters are sent to this address since " + timestamp(&now) + ": of a newer version (550 no such user)."},
		{person(yes), budget("mails_address", 60), "to know 3 mails went to the address in a minute, as many as may be: the next at " + timestamp(&later) + "."},
		{person(yes), budget("mails_browser", 3600), "cause 3 mails were asked for by the customer's own browser in an hour"},
		{person(yes), budget("codes_browser", 3600), "cause 3 wrong codes were tried"},
		{person(yes), budget("guesses_address", 900), "cause 3 passwords were tried in a quarter of an hour"},
		{person(yes), codes(code("verified")), "to know The code of " + timestamp(&now) + " was entered, and was right."},
		{person(yes), codes(code("locked")), "is locked"},
		{person(yes), codes(code("superseded")), "replaced by a newer wish"},
		{person(yes), codes(code("expired")), "was valid until"},
		{person(yes), codes(decoy), "perhaps No mail went out"},
		{person(yes), codes(mailed), "in order The mail with the newest code (7): It was sent at"},
		{person(yes), codes(mailed), "to know The mail server of the customer's provider has the mail"},
		{person(yes), codes(code("pending"), moved), "in order The mail with an earlier code (7): It was sent at"},
		{person(yes), codes(moved), "perhaps The newest mail with a code went to another address of the customer."},
	} {
		var said []string
		for _, r := range remarks(c.person, c.help) {
			said = append(said, fmt.Sprint(r.tone, " ", r.text))
		}
		if !slices.ContainsFunc(said, func(s string) bool { return strings.Contains(s, c.want) }) {
			t.Errorf("%q is not in %q", c.want, said)
		}
	}
}
