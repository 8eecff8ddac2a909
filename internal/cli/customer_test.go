package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"sespan/internal/devtools/pgtest"
)

func TestCustomerExportAndErase(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	db.Exec(t, `INSERT INTO public.auth_user (id, username, email) VALUES (7, 'budi', 'budi@example.com')`)
	db.Exec(t, `SELECT sespan.mail_enqueue(recipient => 'budi@example.com', subject => 'Order', body_text => 'b')`)
	at := "--database-url=" + db.Login(t, "", "sespan_service").URL

	var whole struct {
		CustomerID int64                      `json:"customer_id"`
		Customer   struct{ Email string }     `json:"customer"`
		Mails      []struct{ Subject string } `json:"mails"`
		Audit      []map[string]any           `json:"audit"`
	}
	if err := json.Unmarshal([]byte(mustCommand(t, "customer", at, "export", "--email=BUDI@example.com")), &whole); err != nil {
		t.Fatal(err)
	}
	if whole.CustomerID != 7 || whole.Customer.Email != "budi@example.com" || len(whole.Mails) != 1 || whole.Mails[0].Subject != "Order" {
		t.Errorf("the export is %+v", whole)
	}
	if len(whole.Audit) != 1 || whole.Audit[0]["action"] != "export" || whole.Audit[0]["way"] != "cli" {
		t.Errorf("its audit is %+v", whole.Audit)
	}

	if _, _, err := command(t, "customer", at, "erase", "--customer-id=7"); err == nil || !strings.Contains(err.Error(), "nothing was erased") {
		t.Errorf("without an answer: %v", err)
	}
	out := mustCommand(t, "customer", at, "erase", "--customer-id=7", "--yes")
	for _, want := range []string{"1         mails that waited: cancelled", "stays     draws with the customer's number"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if _, said, err := command(t, "customer", at, "erase", "--email=nobody@example.com", "--yes"); err != nil || !strings.Contains(said, "No customer has this address") {
		t.Errorf("an address of nobody: %v, %q", err, said)
	}
	for want, args := range map[string][]string{
		"no customer has the number 8": {"customer", at, "export", "--customer-id=8"},
		"--customer-id":                {"customer", at, "export"},
		"--email":                      {"customer", at, "erase", "--email=nobody", "--yes"},
	} {
		if _, _, err := command(t, args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", args, err, want)
		}
	}
}
