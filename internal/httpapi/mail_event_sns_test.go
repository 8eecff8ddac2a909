package httpapi

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sespan/internal/mailevent"
	"sespan/internal/postgres"
)

const snsTopic = "arn:aws:sns:eu-west-1:123456789012:ses"

// amazon signs messages as Amazon SNS does, and serves its certificate.
type amazon struct {
	t   *testing.T
	key *rsa.PrivateKey
	pem []byte
}

func newAmazon(t *testing.T) *amazon {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sns.amazonaws.com"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	return &amazon{t, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

func (a *amazon) Fetch(context.Context, string) ([]byte, error) { return a.pem, nil }

// notification is the whole body of a delivery of SignatureVersion 2.
// https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message-verify-message-signature.html
func (a *amazon) notification(message string) string {
	a.t.Helper()
	at := time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	signed := fmt.Sprintf("Message\n%s\nMessageId\n22b80b92\nTimestamp\n%s\nTopicArn\n%s\nType\nNotification\n", message, at, snsTopic)
	digest := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, a.key, crypto.SHA256, digest[:])
	require.NoError(a.t, err)
	body, err := json.Marshal(map[string]string{
		"Type": "Notification", "MessageId": "22b80b92", "TopicArn": snsTopic, "Message": message, "Timestamp": at, "SignatureVersion": "2",
		"Signature": base64.StdEncoding.EncodeToString(signature), "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem",
		"UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe",
	})
	require.NoError(a.t, err)
	return string(body)
}

// A bounce as Amazon SES sends it, from the bytes and headers on the wire to the
// suppressed address; and the same with another's signature.
func TestMailEventsOfAmazonOverHTTP(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil, nil)
	sns := newAmazon(t)
	service := mailevent.New(mailevent.Options{
		Store: postgres.NewMailEvents(s.pool("events", 2)), Topics: []string{snsTopic}, Fetch: sns,
		BounceLife: 24 * time.Hour, Clock: time.Now, Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
	})
	s = newSite(t, func(d *Deps) { d.MailEvents = service }, nil)
	message := `{"notificationType":"Bounce","mail":{"timestamp":"` + time.Now().UTC().Format(time.RFC3339) + `","messageId":"0102018b-77aa-000000"},
		"bounce":{"bounceType":"Permanent","timestamp":"` + time.Now().UTC().Format(time.RFC3339) + `","bouncedRecipients":[{"emailAddress":"gone@example.co"}]}}`
	header := []string{"X-Amz-Sns-Message-Type", "Notification", "Content-Type", "text/plain; charset=UTF-8"}

	a := s.call(http.MethodPost, "/v1/mail/events", sns.notification(message), header...)
	require.Equal(t, http.StatusOK, a.status, a.body)
	assert.JSONEq(t, `{"results":[{"event_id":"22b80b92/0","result":"unmatched"}]}`, a.body)

	large := sns.notification(strings.Replace(message, `"mail":{`, `"mail":{"headers":[{"name":"X","value":"`+strings.Repeat("x", 200_000)+`"}],`, 1))
	a = s.call(http.MethodPost, "/v1/mail/events", large, header...)
	assert.JSONEq(t, `{"results":[{"event_id":"22b80b92/0","result":"repeated"}]}`, a.body, "a message may have 256 KiB")

	a = s.call(http.MethodPost, "/v1/mail/events", newAmazon(t).notification(message), header...)
	assert.Equal(t, "unauthorized", a.problem(t))
	a = s.call(http.MethodPost, "/v1/mail/events", strings.Replace(sns.notification(message), "https://sns.", "https://evil.example/sns.", 1), header...)
	assert.Equal(t, "unauthorized", a.problem(t))
}
