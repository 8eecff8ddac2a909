package cli

import (
	"crypto/ed25519"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/httpfetch"
)

func jwksOf(t *testing.T) string {
	t.Helper()
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"x","x":"` + base64.RawURLEncoding.EncodeToString(public) + `"}]}`
}

func TestDoctorReadsTheSitesKeys(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "jwks.json")
	for document, want := range map[string]string{
		jwksOf(t):     "ok: " + path + " holds 1 usable key",
		"hello":       "wrong: " + path + " cannot be used: it is not a JWKS document",
		`{"keys":[]}`: "warning: " + path + " holds no key: every token is refused → write it anew, unless that is meant: manage.py sespan_init",
		`{"keys":[{"kty":"oct","kid":"x","k":"AAAA"}]}`: "wrong: " + path + " cannot be used: its key 1 is private or symmetric",
	} {
		if err := os.WriteFile(path, []byte(document), 0o600); err != nil {
			t.Fatal(err)
		}
		x := examineSettings(t)
		x.settings.JWKS = path
		says(t, told(x.checkTokens(t.Context())), want)
	}
	x := examineSettings(t)
	says(t, told(x.checkTokens(t.Context())), "not_checked: SESPAN_JWKS is not set")
	x.settings.Parts = []string{"mail"}
	says(t, told(x.checkTokens(t.Context())), "not_checked: this process serves no calls")
}

// A site behind https: its keys, and its clock by what it answers.
func TestDoctorAsksTheSite(t *testing.T) {
	t.Parallel()
	var document, date string
	site := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if date != "" {
			w.Header().Set("Date", date)
		}
		if r.Method == http.MethodGet {
			_, _ = w.Write([]byte(document))
		}
	}))
	defer site.Close()
	x := examineSettings(t)
	x.web, x.settings.JWKS = httpfetch.WithTransport(site.Client().Transport), site.URL+"/jwks.json"
	document = jwksOf(t)
	says(t, told(x.checkTokens(t.Context())), "ok: ")
	document = "<html>"
	says(t, told(x.checkTokens(t.Context())), "wrong: ", "it is not a JWKS document")
	says(t, told(x.checkSiteClock(t.Context())), "ok: the clock of "+site.URL)
	for skew, want := range map[time.Duration]string{
		time.Hour: "wrong: the clock of " + site.URL, -time.Hour: "wrong: ", 15 * time.Second: "warning: ",
	} {
		date = time.Now().Add(skew).UTC().Format(http.TimeFormat)
		says(t, told(x.checkSiteClock(t.Context())), want, "→ let both machines follow NTP")
	}
	date = "yesterday"
	says(t, told(x.checkSiteClock(t.Context())), "not_checked: ", "has no Date")
	x.web = httpfetch.New() // which does not trust its certificate
	says(t, told(x.checkTokens(t.Context())), "warning: "+x.settings.JWKS+" does not answer", "certificate")
	x.settings.JWKS, x.settings.OTPLink = "file.json", "http://"+nowhere+"/account/code/{challenge_id}/"
	says(t, told(x.checkSiteClock(t.Context())), "not_checked: http://"+nowhere+"/ does not answer", "refused")
	x.settings.OTPLink = ""
	says(t, told(x.checkSiteClock(t.Context())), "not_checked: no address of the site is known")
}

// Behind a proxy that nobody named, every visitor is the proxy.
func TestDoctorSeesOneAddressForAll(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	x := examineDB(t, db)
	says(t, told(x.checkProxies(t.Context())), "not_checked: no call about a customer in the last day")
	call := func(from, customers string) {
		db.Exec(t, `INSERT INTO sespan.api_log (response_id, ip, request_type, request_header, response_header, status, outcome, status_details, time_requested, time_responded, elapsed_time, customer_id)
			SELECT gen_random_uuid(), `+from+`::inet, 'OTP', '{}', '{}', 202, 'success', '', now() - i * interval '1 second', now(), '1 ms', i FROM generate_series(`+customers+`) i`)
	}
	call(`'10.0.0.7'`, "1, 5")
	says(t, told(x.checkProxies(t.Context())), "ok: ")
	call(`'10.0.0.7'`, "6, 40")
	says(t, told(x.checkProxies(t.Context())), "warning: 40 of the last day's 40 newest calls, of 40 customers, came from 10.0.0.7, an address of this network", `SESPAN_TRUSTED_PROXIES`, `SESPAN["CLIENT_IP"]`)
	call(`('192.0.2.' || i)`, "41, 60")
	says(t, told(x.checkProxies(t.Context())), "ok: calls of the last day came from several addresses")
}

func TestDoctorLooksAtServiceKeys(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	x := examineDB(t, db)
	says(t, told(x.checkServiceKeys(t.Context())), "warning: there is no live key with role service", "→ sespan keys create --role service")
	db.Exec(t, `INSERT INTO sespan.api_key (key_id, secret_hash, role, name, expires_at) VALUES ('endsendsends', sha256('x'), 'service', 'django', now() + interval '3 days')`)
	says(t, told(x.checkServiceKeys(t.Context())), `warning: ends soon: endsendsends ("django") at `, "→ sespan keys rotate")
	db.Exec(t, `UPDATE sespan.api_key SET expires_at = NULL`)
	says(t, told(x.checkServiceKeys(t.Context())), "ok: 1 live key for the site's server")
	db.Exec(t, `UPDATE sespan.api_key SET revoked_at = now()`)
	says(t, told(x.checkServiceKeys(t.Context())), "warning: there is no live key")
}

// A secret key that was dropped too early: what it made cannot be verified any more.
func TestDoctorMissesASecretKey(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	x := examineDB(t, db)
	says(t, told(x.checkDraws(t.Context())), "ok: ")
	db.Exec(t, `INSERT INTO sespan.otp_challenge (challenge_id, email, budget_key, address_key, known_browser, decoy, purpose, locale, sent_at, valid_until)
		VALUES ('01a20305-209d-765b-b71e-b43892fd4c76', 'a@b.co', 'k', 'a@b.co', false, false, 'login', 'en', now(), now() + interval '5 minutes')`)
	db.Exec(t, `INSERT INTO sespan.otp (challenge_id, email, purpose, otp_number, key_id, valid_until)
		VALUES ('01a20305-209d-765b-b71e-b43892fd4c76', 'a@b.co', 'login', sha256('x'), 'gone', now() + interval '5 minutes')`)
	says(t, told(x.checkDraws(t.Context())), "wrong: live codes were made with the secret key gone, which SESPAN_SECRET_KEYS does not hold", "→ put that key back")
	db.Exec(t, `INSERT INTO sespan.draw_epoch (draw_epoch, seed_hash, sealed_seed) VALUES (sespan.draw_epoch_today() - 3, sha256('x'), '\x046c6f7374' || sha256('x'))`)
	says(t, told(x.checkDraws(t.Context())), "wrong: SESPAN_SECRET_KEYS lacks the key lost, which seals the seed of the draws of ", "→ put it back behind the others")
}
