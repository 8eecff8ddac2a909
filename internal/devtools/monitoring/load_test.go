package monitoring

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"sespan/internal/devtools/devdb"
	"sespan/internal/devtools/smtptest"
	"sespan/internal/devtools/testbed"
)

func TestMain(m *testing.M) {
	if code, yes := devdb.Supervise(); yes {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

//go:embed load.sql
var loadSQL string

// site is a service in use.
type site struct {
	*testbed.Service
	env    *testbed.Env
	bearer string
	codes  chan string // of the mails to customers, in order
}

var sixDigits = regexp.MustCompile(`\b\d{6}\b`)

// startSite starts the real program with all its parts on a database of its own, an
// SMTP server that refuses some recipients, for now or for ever, and a broker.
func startSite(t *testing.T) *site {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "sespan")
	if err := testbed.Build(t.Context(), binary); err != nil {
		t.Fatal(err)
	}
	env, err := testbed.New(t.Context(), testbed.Options{Out: io.Discard, Binary: binary})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(env.Close)
	s := &site{env: env, codes: make(chan string, 1000)}
	relay := smtptest.NewServer(t, smtptest.Options{
		Fault: func(turn smtptest.Turn) smtptest.Fault {
			switch {
			case turn.Phase != smtptest.RCPT:
			case strings.HasPrefix(turn.Recipient, "later@"):
				return "450 4.2.1 later"
			case strings.HasPrefix(turn.Recipient, "never@"):
				return "550 5.1.1 no such mailbox"
			}
			return smtptest.None
		},
		OnReceived: func(r smtptest.Received) {
			if strings.HasPrefix(r.To, "user") && !strings.HasPrefix(r.To, "user99") { // those of lateCodes, 998 and 999, are never read
				s.codes <- sixDigits.FindString(r.Data)
			}
		},
	})
	if _, err := env.Admin.Exec(t.Context(), loadSQL); err != nil {
		t.Fatal(err)
	}
	if s.bearer, err = env.Bearer(t.Context()); err != nil {
		t.Fatal(err)
	}
	broker, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	s.Service, err = env.Serve(t.Context(), "api,mail,announce,maintenance", "SESPAN_SMTP_URL=smtp://"+relay.Address+"?tls=none", "SESPAN_BROKER_URL=kafka://"+broker.ListenAddrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// use makes rounds of everything that happens at a site until the test ends.
func (s *site) use(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.lateCodes(ctx); err != nil && ctx.Err() == nil {
			t.Errorf("late codes: %v\n%s", err, s.Log)
		}
		for n := 1; ctx.Err() == nil; n++ {
			if err := s.round(ctx, n); err != nil && ctx.Err() == nil {
				t.Errorf("round %d: %v\n%s", n, err, s.Log)
				return
			}
			select {
			case <-ctx.Done():
			case <-time.After(2 * time.Second):
			}
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
}

type object = map[string]any

func (s *site) round(ctx context.Context, n int) error {
	if err := s.useCodes(ctx, n); err != nil {
		return err
	}
	for i, amount := range []string{"10.00", "20.00", "5000.00"} {
		order, err := s.call(ctx, http.StatusCreated, http.MethodPost, "/transactions",
			object{"order_ref": fmt.Sprintf("order-%d-%d", n, i), "transaction_amount": amount, "customer_id": n})
		if err != nil {
			return err
		}
		if i == 0 {
			if _, err := s.call(ctx, http.StatusOK, http.MethodPost, "/transactions/"+fmt.Sprint(order["transaction_id"])+"/cancel", nil); err != nil {
				return err
			}
		}
	}
	for _, outcome := range []string{"success", "failure"} {
		_, err := s.call(ctx, http.StatusCreated, http.MethodPost, "/logins", object{"username": "user1", "outcome": outcome, "ip": "203.0.113.9", "user_agent": "browser"})
		if err != nil {
			return err
		}
	}
	_, err := s.env.Admin.Exec(ctx, `SELECT sespan.mail_enqueue(recipient => r || '@example.org', subject => 'News', body_text => 'text') FROM unnest(ARRAY['now', 'later']) r`)
	return err
}

// useCodes gets a code mailed, asks again too soon, guesses wrong, right, and once more.
func (s *site) useCodes(ctx context.Context, n int) error {
	asked, err := s.call(ctx, http.StatusAccepted, http.MethodPost, "/otp", object{"email": fmt.Sprintf("user%d@example.com", n), "purpose": "login"})
	if err != nil {
		return err
	}
	challenge := "/otp/" + fmt.Sprint(asked["challenge_id"])
	var code string
	select {
	case code = <-s.codes:
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Minute):
		return errors.New("no mail with a code came")
	}
	wrong := "000000"
	if code == wrong {
		wrong = "000001"
	}
	for _, step := range []struct {
		status int
		path   string
		code   string
	}{
		{http.StatusTooManyRequests, "/resend", ""},
		{http.StatusUnprocessableEntity, "/verify", wrong},
		{http.StatusOK, "/verify", code},
		{http.StatusConflict, "/verify", code},
	} {
		var body any
		if step.code != "" {
			body = object{"otp_number": step.code}
		}
		if _, err := s.call(ctx, step.status, http.MethodPost, challenge+step.path, body); err != nil {
			return err
		}
	}
	return nil
}

//go:embed age.sql
var ageSQL string

// lateCodes asks for a further code after two minutes, and guesses after twenty.
func (s *site) lateCodes(ctx context.Context) error {
	for i, late := range []struct {
		by, path string
		body     any
		status   int
	}{
		{"2 minutes", "/resend", nil, http.StatusAccepted},
		{"20 minutes", "/verify", object{"otp_number": "000000"}, http.StatusGone},
	} {
		asked, err := s.call(ctx, http.StatusAccepted, http.MethodPost, "/otp", object{"customer_id": 998 + i, "purpose": "login"})
		if err != nil {
			return err
		}
		if _, err := s.env.Admin.Exec(ctx, ageSQL, asked["challenge_id"], late.by); err != nil {
			return err
		}
		if _, err := s.call(ctx, late.status, http.MethodPost, "/otp/"+fmt.Sprint(asked["challenge_id"])+late.path, late.body); err != nil {
			return err
		}
	}
	return nil
}

// call makes a call that must be answered with the status.
func (s *site) call(ctx context.Context, want int, method, path string, body any) (object, error) {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+s.Addr+"/v1"+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", s.bearer)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != want {
		return nil, fmt.Errorf("%s %s: %s %s, want %d", method, path, res.Status, raw, want)
	}
	var answer object
	if err := json.Unmarshal(raw, &answer); err != nil {
		return nil, fmt.Errorf("%s %s: %w: %s", method, path, err, raw)
	}
	return answer, nil
}
