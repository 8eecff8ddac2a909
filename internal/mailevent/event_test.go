package mailevent

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sespan/internal/problem"
)

const (
	topic   = "arn:aws:sns:eu-west-1:123456789012:ses-events"
	certURL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// memory is a Store that suppresses whoever it is told about.
type memory struct {
	events []Event
	seen   map[string]bool
	err    error
}

func (m *memory) Apply(_ context.Context, source string, events []Event, _ time.Duration) (map[string]Result, error) {
	out := map[string]Result{}
	for _, e := range events {
		out[e.ID] = Suppressed
		if m.seen[source+e.ID] {
			out[e.ID] = Repeated
		}
		m.seen[source+e.ID] = true
	}
	m.events = append(m.events, events...)
	return out, m.err
}

// amazonSNS signs as Amazon does, and serves its certificate.
type amazonSNS struct {
	key     *rsa.PrivateKey
	cert    []byte
	fetched []string
	err     error
}

func newAmazon(t *testing.T) *amazonSNS {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sns.amazonaws.com"},
		NotBefore: noon.AddDate(0, -1, 0), NotAfter: noon.AddDate(0, 1, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	return &amazonSNS{key: key, cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

func (a *amazonSNS) Fetch(_ context.Context, address string) ([]byte, error) {
	a.fetched = append(a.fetched, address)
	return a.cert, a.err
}

func (a *amazonSNS) sign(t *testing.T, m snsEnvelope) []byte {
	t.Helper()
	var signature []byte
	var err error
	if m.SignatureVersion == "1" {
		digest := sha1.Sum(m.signed())
		signature, err = rsa.SignPKCS1v15(rand.Reader, a.key, crypto.SHA1, digest[:])
	} else {
		digest := sha256.Sum256(m.signed())
		signature, err = rsa.SignPKCS1v15(rand.Reader, a.key, crypto.SHA256, digest[:])
	}
	require.NoError(t, err)
	m.Signature = base64.StdEncoding.EncodeToString(signature)
	body, err := json.Marshal(m)
	require.NoError(t, err)
	return body
}

func notification(message string) snsEnvelope {
	return snsEnvelope{
		Type: snsNotification, MessageID: "22b80b92", TopicARN: topic, Subject: "Amazon SES", Message: message,
		Timestamp: noon.Add(-time.Minute).Format("2006-01-02T15:04:05.000Z"), SignatureVersion: "2", SigningCertURL: certURL,
	}
}

func service(t *testing.T, a Fetcher) (*Service, *memory) {
	t.Helper()
	store := &memory{seen: map[string]bool{}}
	keys, err := ParseKeys("relay-1:" + base64.StdEncoding.EncodeToString([]byte("0123456789abcdef")) + ",relay-2:" + base64.StdEncoding.EncodeToString(make([]byte, 32)))
	require.NoError(t, err)
	return New(Options{
		Store: store, Keys: keys, Topics: []string{topic}, Fetch: a, BounceLife: 24 * time.Hour,
		Clock: func() time.Time { return noon }, Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
	}), store
}

func sample(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return string(raw)
}

const bounced = `{"events":[{"event_id":"1","kind":"bounce","recipient":"sari@example.co","message_id":"<12.dtk0u8m5hc@shop.example>","occurred_at":"2026-11-22T11:59:00Z"}]}`

func TestSignedForm(t *testing.T) {
	t.Parallel()
	s, store := service(t, nil)
	body := []byte(bounced)
	for name, c := range map[string]struct {
		header string
		body   string
		wants  string // part of the detail; "" for success
	}{
		"good":                  {s.Keys.Sign("relay-1", noon, body), bounced, ""},
		"four minutes late":     {s.Keys.Sign("relay-2", noon.Add(-4*time.Minute), body), bounced, ""},
		"six minutes late":      {s.Keys.Sign("relay-1", noon.Add(-6*time.Minute), body), bounced, "five minutes"},
		"six minutes early":     {s.Keys.Sign("relay-1", noon.Add(6*time.Minute), body), bounced, "five minutes"},
		"none":                  {"", bounced, "Send Sespan-Signature"},
		"unknown key":           {s.Keys.Sign("relay-3", noon, body), bounced, "known key"},
		"another key's":         {strings.Replace(s.Keys.Sign("relay-1", noon, body), "k=relay-1", "k=relay-2", 1), bounced, "known key"},
		"another body":          {s.Keys.Sign("relay-1", noon, body), strings.Replace(bounced, "sari", "budi", 1), "known key"},
		"another time":          {strings.Replace(s.Keys.Sign("relay-1", noon, body), fmt.Sprintf("t=%d", noon.Unix()), fmt.Sprintf("t=%d", noon.Unix()+1), 1), bounced, "known key"},
		"not hexadecimal":       {"t=1,k=relay-1,v1=zz", bounced, "Send Sespan-Signature"},
		"an endless header":     {strings.Repeat("v1=0,", 200), bounced, "Send Sespan-Signature"},
		"signed, yet not JSON":  {s.Keys.Sign("relay-1", noon, []byte("{")), "{", "JSON"},
		"signed, unknown field": {s.Keys.Sign("relay-1", noon, []byte(`{"event":[]}`)), `{"event":[]}`, "JSON"},
		"signed, no events":     {s.Keys.Sign("relay-1", noon, []byte(`{"events":[]}`)), `{"events":[]}`, "1 to 500"},
	} {
		outcomes, err := s.Receive(t.Context(), c.header, "", []byte(c.body), nil)
		if c.wants == "" {
			require.NoError(t, err, name)
			require.Len(t, outcomes, 1, name)
			continue
		}
		require.ErrorContains(t, err, c.wants, name)
		assert.NotEqual(t, problem.Internal, problem.SlugOf(err), name)
	}
	require.Len(t, store.events, 2)
	e := store.events[0]
	assert.Equal(t, int64(12), e.Mail.MessageID)
	assert.True(t, e.Permanent, "a bounce is for good unless it says otherwise")
	assert.False(t, e.Mail.CreatedAt.IsZero())
}

func TestSignedFormNamesTheField(t *testing.T) {
	t.Parallel()
	s, store := service(t, nil)
	for field, event := range map[string]string{
		"event_id":    `{"event_id":"","kind":"bounce","recipient":"a@b.co","message_id":"1","occurred_at":"2026-11-22T11:59:00Z"}`,
		"kind":        `{"event_id":"1","kind":"open","recipient":"a@b.co","message_id":"1","occurred_at":"2026-11-22T11:59:00Z"}`,
		"recipient":   `{"event_id":"1","kind":"bounce","recipient":"a@b.co,c@d.co","message_id":"1","occurred_at":"2026-11-22T11:59:00Z"}`,
		"occurred_at": `{"event_id":"1","kind":"bounce","recipient":"a@b.co","message_id":"1","occurred_at":"2036-11-22T11:59:00Z"}`,
		"message_id":  `{"event_id":"1","kind":"bounce","recipient":"a@b.co","message_id":"<site-own@b.co>","occurred_at":"2026-11-22T11:59:00Z"}`,
		"relay_id":    `{"event_id":"1","kind":"bounce","recipient":"a@b.co","relay_id":"abcdef\u0000","occurred_at":"2026-11-22T11:59:00Z"}`,
	} {
		body := []byte(`{"events":[` + event + `]}`)
		_, err := s.Receive(t.Context(), s.Keys.Sign("relay-1", noon, body), "", body, nil)
		var p *problem.Problem
		require.ErrorAs(t, err, &p, field)
		assert.Equal(t, "body.events[0]."+field, p.Field)
	}
	for field, body := range map[string]string{
		"body.events[0].occurred_at": `{"events":[{"event_id":"1","kind":"bounce","recipient":"a@b.co","message_id":"1","occurred_at":"yesterday"}]}`,
		"body.events.recipient":      `{"events":[{"event_id":"1","kind":"bounce","recipient":["a@b.co"],"message_id":"1"}]}`,
		"body.events":                `{"events":{}}`,
	} {
		_, err := s.Receive(t.Context(), s.Keys.Sign("relay-1", noon, []byte(body)), "", []byte(body), nil)
		var p *problem.Problem
		require.ErrorAs(t, err, &p, field)
		assert.Equal(t, field, p.Field)
	}
	assert.Empty(t, store.events)
}

func TestKeysAreCheckedAndNeverEchoed(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"x", "a b:AAAA", "a:c2hvcnQ=", "a:!!!!", "a:MDEyMzQ1Njc4OWFiY2RlZg==,a:MDEyMzQ1Njc4OWFiY2RlZg=="} {
		_, err := ParseKeys(bad)
		require.Error(t, err, bad)
		assert.NotContains(t, err.Error(), "MDEy")
	}
	keys, err := ParseKeys("")
	require.NoError(t, err)
	assert.Empty(t, keys)
}

func TestSwitchedOff(t *testing.T) {
	t.Parallel()
	s, _ := service(t, nil)
	s.Keys, s.Topics = nil, nil
	_, err := s.Receive(t.Context(), "", "", nil, nil)
	assert.Equal(t, problem.NotFound, problem.SlugOf(err))
	_, err = s.Receive(t.Context(), "", "Notification", nil, nil)
	assert.Equal(t, problem.NotFound, problem.SlugOf(err))
}

func TestSNSNotificationsOfSES(t *testing.T) {
	t.Parallel()
	a := newAmazon(t)
	for _, version := range []string{"1", "2"} {
		s, store := service(t, a)
		m := notification(sample(t, "ses_bounce.json"))
		m.SignatureVersion = version
		outcomes, err := s.Receive(t.Context(), "", "Notification", a.sign(t, m), nil)
		require.NoError(t, err)
		require.Len(t, outcomes, 2)
		e := store.events[0]
		assert.Equal(t, Bounce, e.Kind)
		assert.True(t, e.Permanent)
		assert.Equal(t, "jane@example.com", e.Recipient)
		assert.Equal(t, Reference{MessageID: 4711, CreatedAt: e.Mail.CreatedAt, RelayID: "00000138111222aa-33322211-cccc-cccc-cccc-ddddaaaa0680-000000", SentAt: e.Mail.SentAt}, e.Mail)
		assert.Contains(t, e.Detail, "5.1.1")
		assert.NotEqual(t, store.events[0].ID, store.events[1].ID)
		again, err := s.Receive(t.Context(), "", "Notification", a.sign(t, m), nil)
		require.NoError(t, err)
		assert.Equal(t, Repeated, again[0].Result)
	}
	s, store := service(t, a)
	for _, name := range []string{"ses_complaint.json", "ses_delivery.json", "ses_open.json"} {
		_, err := s.Receive(t.Context(), "", "Notification", a.sign(t, notification(sample(t, name))), nil)
		require.NoError(t, err, name)
	}
	for _, kind := range []string{"not-spam", "auth-failure"} {
		_, err := s.Receive(t.Context(), "", "Notification", a.sign(t, notification(strings.Replace(sample(t, "ses_complaint.json"), `"abuse"`, `"`+kind+`"`, 1))), nil)
		require.NoError(t, err, kind)
	}
	require.Len(t, store.events, 2, "an opened mail says nothing of an address, nor does a report that is no complaint")
	assert.Equal(t, Complaint, store.events[0].Kind)
	assert.Equal(t, Delivered, store.events[1].Kind)
}

func TestSNSForgeries(t *testing.T) {
	t.Parallel()
	a, other := newAmazon(t), newAmazon(t)
	good := notification(sample(t, "ses_bounce.json"))
	change := func(f func(*snsEnvelope)) []byte { m := good; f(&m); return a.sign(t, m) }
	tampered := strings.Replace(string(a.sign(t, good)), "jane@example.com", "john@example.com", 1)
	for name, body := range map[string][]byte{
		"tampered":         []byte(tampered),
		"another's key":    other.sign(t, good),
		"other topic":      change(func(m *snsEnvelope) { m.TopicARN += "x" }),
		"two hours old":    change(func(m *snsEnvelope) { m.Timestamp = noon.Add(-2 * time.Hour).Format(time.RFC3339) }),
		"of the future":    change(func(m *snsEnvelope) { m.Timestamp = noon.Add(time.Hour).Format(time.RFC3339) }),
		"no time":          change(func(m *snsEnvelope) { m.Timestamp = "now" }),
		"version 3":        change(func(m *snsEnvelope) { m.SignatureVersion = "3" }),
		"host of others":   change(func(m *snsEnvelope) { m.SigningCertURL = "https://sns.eu-west-1.amazonaws.com.evil.example/x.pem" }),
		"host before @":    change(func(m *snsEnvelope) { m.SigningCertURL = "https://sns.eu-west-1.amazonaws.com@evil.example/x.pem" }),
		"bucket of others": change(func(m *snsEnvelope) { m.SigningCertURL = "https://s3.eu-west-1.amazonaws.com/x.pem" }),
		"another port":     change(func(m *snsEnvelope) { m.SigningCertURL = "https://sns.eu-west-1.amazonaws.com:8443/x.pem" }),
		"plain http":       change(func(m *snsEnvelope) { m.SigningCertURL = "http://sns.eu-west-1.amazonaws.com/x.pem" }),
		"no certificate":   change(func(m *snsEnvelope) { m.SigningCertURL = "https://sns.eu-west-1.amazonaws.com/x.txt" }),
	} {
		s, store := service(t, a)
		_, err := s.Receive(t.Context(), "", "Notification", body, nil)
		assert.Equal(t, problem.Unauthorized, problem.SlugOf(err), name)
		assert.Empty(t, store.events, name)
	}
	for _, address := range a.fetched {
		assert.Equal(t, certURL, address, "nothing else is ever fetched")
	}
	s, _ := service(t, &amazonSNS{err: errors.New("no route")})
	_, err := s.Receive(t.Context(), "", "Notification", a.sign(t, good), nil)
	assert.Equal(t, problem.Unavailable, problem.SlugOf(err), "Amazon shall send it again")
	_, err = s.Receive(t.Context(), "", "Notification", []byte("{"), nil)
	assert.Equal(t, problem.BadRequest, problem.SlugOf(err))
}

func TestSNSCertificateOutOfDate(t *testing.T) {
	t.Parallel()
	a := newAmazon(t)
	s, _ := service(t, a)
	late := noon.AddDate(0, 2, 0)
	s.sns.now = func() time.Time { return late }
	m := notification("{}")
	m.Timestamp = late.Format(time.RFC3339)
	_, err := s.Receive(t.Context(), "", "Notification", a.sign(t, m), nil)
	require.ErrorContains(t, err, "out of date")
}

func TestSNSSubscription(t *testing.T) {
	t.Parallel()
	a := newAmazon(t)
	s, _ := service(t, a)
	m := notification("You have chosen to subscribe")
	m.Type, m.Subject, m.Token = snsConfirm, "", "2336412f37"
	m.SubscribeURL = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=2336412f37"
	_, err := s.Receive(t.Context(), "", "Notification", a.sign(t, m), nil)
	require.NoError(t, err)
	assert.Equal(t, []string{certURL, m.SubscribeURL}, a.fetched)
	m.SubscribeURL = "https://169.254.169.254/latest/meta-data"
	_, err = s.Receive(t.Context(), "", "Notification", a.sign(t, m), nil)
	assert.Equal(t, problem.Unauthorized, problem.SlugOf(err))
	assert.Len(t, a.fetched, 2, "the certificate is kept, and nobody makes us call other hosts")
}

func TestMessageIDs(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 11, 30, 0, 0, time.UTC)
	r, ok := ParseMessageID("<4711.hoeb0xbb40@shop.example>")
	require.True(t, ok)
	assert.Equal(t, int64(4711), r.MessageID)
	assert.Equal(t, at, r.CreatedAt)
	r, ok = ParseMessageID(" 42 ")
	assert.True(t, ok)
	assert.Equal(t, Reference{MessageID: 42}, r)
	for _, s := range []string{"", "<x@y>", "0", "-1", "<1.x y@z>", "<99999999999999999.a@b>", "99999999999999999999999"} {
		_, ok := ParseMessageID(s)
		assert.False(t, ok, s)
	}
}
