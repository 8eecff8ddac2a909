package postgres_test

import (
	"strings"
	"testing"

	"sespan/internal/devtools/pgtest"
)

// TestMailUnsubscribeIsChecked in the caller's own transaction: what a mailbox provider
// would drop without a word.
func TestMailUnsubscribeIsChecked(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	for headers, want := range map[string]string{
		`{"List-Unsubscribe": "<https://shop.example/u/1>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}`:                              "",
		`{"list-unsubscribe": "<mailto:u@b.co?subject=x>, <HTTPS://shop.example/u?a,b>", "LIST-UNSUBSCRIBE-POST": "List-Unsubscribe=One-Click"}`: "",
		`{"List-Unsubscribe": "<mailto:u@b.co>"}`:                                                                       "",
		`{"List-Unsubscribe": "https://shop.example/u"}`:                                                                "angle brackets",
		`{"List-Unsubscribe": "<https:///u>"}`:                                                                          "angle brackets",
		`{"List-Unsubscribe": "<javascript:alert(1)>"}`:                                                                 "angle brackets",
		`{"List-Unsubscribe": "<https://shöp.example/>"}`:                                                               "angle brackets",
		`{"List-Unsubscribe": ""}`:                                                                                      "angle brackets",
		`{"List-Unsubscribe": "<https://shop.example/u>,"}`:                                                             "angle brackets",
		`{"List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}`:                                                       "beside it",
		`{"List-Unsubscribe": "<https://a.b/>", "List-Unsubscribe-Post": "1"}`:                                          "must be List-Unsubscribe=One-Click",
		`{"List-Unsubscribe": "<http://a.b/>, <mailto:u@b.co>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}`: "https address",
	} {
		_, err := db.Pool.Exec(t.Context(), `SELECT sespan.mail_enqueue(recipient => 'a@b.co', body_text => 'x', headers => $1::jsonb)`, headers)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "SP003")) {
			t.Errorf("%s: %v, want %q", headers, err, want)
		}
	}
}
