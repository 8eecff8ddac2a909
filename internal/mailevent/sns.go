package mailevent

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // SignatureVersion 1 of Amazon SNS
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"sespan/internal/problem"
)

// Fetcher gets a document by https, without redirects, with bounds on time and size.
type Fetcher interface {
	Fetch(ctx context.Context, address string) ([]byte, error)
}

// snsMaxAge: Amazon repeats a delivery for up to an hour by default.
const snsMaxAge = time.Hour

// snsHost is where Amazon keeps its certificates and confirms subscriptions.
var snsHost = regexp.MustCompile(`^sns\.[a-z]{2}(-[a-z]+)+-\d\.amazonaws\.com(\.cn)?$`)

// snsEnvelope is a message of Amazon SNS to an HTTPS endpoint.
// https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
type snsEnvelope struct {
	Type             string `json:"Type"`
	MessageID        string `json:"MessageId"`
	TopicARN         string `json:"TopicArn"`
	Subject          string `json:"Subject"`
	Message          string `json:"Message"`
	Timestamp        string `json:"Timestamp"`
	Token            string `json:"Token"`
	SubscribeURL     string `json:"SubscribeURL"`
	SignatureVersion string `json:"SignatureVersion"`
	Signature        string `json:"Signature"`
	SigningCertURL   string `json:"SigningCertURL"`
}

const (
	snsNotification = "Notification"
	snsConfirm      = "SubscriptionConfirmation"
	snsUnsubscribe  = "UnsubscribeConfirmation"
)

// sns checks and reads messages of Amazon SNS.
type sns struct {
	topics []string
	fetch  Fetcher
	now    func() time.Time

	mu    sync.Mutex
	certs map[string]*x509.Certificate // by URL
}

// verify checks and reads a message. Problem: unauthorized, unavailable.
func (s *sns) verify(ctx context.Context, body []byte) (snsEnvelope, error) {
	var m snsEnvelope
	if err := json.Unmarshal(body, &m); err != nil {
		return m, problem.New(problem.BadRequest, "This is not a message of Amazon SNS.").AtField("body")
	}
	if !slices.Contains(s.topics, m.TopicARN) {
		return m, unauthorized("SESPAN_SNS_TOPICS does not name this topic.")
	}
	at, err := time.Parse(time.RFC3339, m.Timestamp)
	if off := s.now().Sub(at); err != nil || off > snsMaxAge || off < -signatureMaxAge {
		return m, unauthorized("The message is too old, or one of the clocks is wrong.")
	}
	cert, err := s.certificate(ctx, m.SigningCertURL)
	if err != nil {
		return m, err
	}
	if err := m.verifySignature(cert); err != nil {
		return m, problem.New(problem.Unauthorized, "The signature is not Amazon's.").WithCause(err)
	}
	return m, nil
}

// signed gives the text that Amazon signs: names and values, a line each.
func (m snsEnvelope) signed() []byte {
	fields := [][2]string{{"Message", m.Message}, {"MessageId", m.MessageID}}
	if m.Type == snsNotification {
		if m.Subject != "" {
			fields = append(fields, [2]string{"Subject", m.Subject})
		}
		fields = append(fields, [2]string{"Timestamp", m.Timestamp})
	} else {
		fields = append(fields, [2]string{"SubscribeURL", m.SubscribeURL}, [2]string{"Timestamp", m.Timestamp}, [2]string{"Token", m.Token})
	}
	fields = append(fields, [2]string{"TopicArn", m.TopicARN}, [2]string{"Type", m.Type})
	var b strings.Builder
	for _, f := range fields {
		b.WriteString(f[0] + "\n" + f[1] + "\n")
	}
	return []byte(b.String())
}

func (m snsEnvelope) verifySignature(cert *x509.Certificate) error {
	signature, err := base64.StdEncoding.DecodeString(m.Signature)
	if err != nil {
		return err
	}
	key, ok := cert.PublicKey.(*rsa.PublicKey)
	if !ok {
		return errors.New("the certificate has no RSA key")
	}
	switch m.SignatureVersion {
	case "1":
		digest := sha1.Sum(m.signed()) //nolint:gosec // what the version says
		return rsa.VerifyPKCS1v15(key, crypto.SHA1, digest[:], signature)
	case "2":
		digest := sha256.Sum256(m.signed())
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature)
	}
	return fmt.Errorf("unknown SignatureVersion %q", m.SignatureVersion)
}

// isAmazonSNS tells whether an address is one of Amazon SNS itself.
func isAmazonSNS(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "https" && u.User == nil && (u.Port() == "" || u.Port() == "443") && snsHost.MatchString(strings.ToLower(u.Hostname()))
}

// certificate gets the signing certificate, which Amazon changes now and then.
func (s *sns) certificate(ctx context.Context, address string) (*x509.Certificate, error) {
	if u, err := url.Parse(address); err != nil || !isAmazonSNS(address) || !strings.HasSuffix(u.Path, ".pem") || u.RawQuery != "" {
		return nil, unauthorized("SigningCertURL is not a certificate of Amazon SNS.")
	}
	s.mu.Lock()
	cert := s.certs[address]
	s.mu.Unlock()
	if cert == nil {
		raw, err := s.fetch.Fetch(ctx, address)
		if err != nil {
			return nil, problem.New(problem.Unavailable, "Amazon's certificate could not be fetched.").WithRetryAfter(30 * time.Second).WithCause(err)
		}
		block, _ := pem.Decode(raw)
		if block == nil {
			return nil, unauthorized("SigningCertURL holds no certificate.")
		}
		if cert, err = x509.ParseCertificate(block.Bytes); err != nil {
			return nil, unauthorized("SigningCertURL holds no certificate.")
		}
		s.cacheCertificate(address, cert)
	}
	if now := s.now(); now.Before(cert.NotBefore) || now.After(cert.NotAfter) {
		return nil, unauthorized("Amazon's certificate is out of date.")
	}
	return cert, nil
}

func (s *sns) cacheCertificate(address string, cert *x509.Certificate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.certs) >= 16 { // a handful of regions; nobody fills the memory with made-up paths
		clear(s.certs)
	}
	s.certs[address] = cert
}

// confirm answers a SubscriptionConfirmation, which is how Amazon starts.
func (s *sns) confirm(ctx context.Context, m snsEnvelope) error {
	if !isAmazonSNS(m.SubscribeURL) {
		return unauthorized("SubscribeURL is not an address of Amazon SNS.")
	}
	if _, err := s.fetch.Fetch(ctx, m.SubscribeURL); err != nil {
		return problem.New(problem.Unavailable, "The subscription could not be confirmed.").WithRetryAfter(30 * time.Second).WithCause(err)
	}
	return nil
}
