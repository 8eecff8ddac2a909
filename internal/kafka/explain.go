package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"sespan/internal/mail"
)

const urlVariable = "SESPAN_BROKER_URL"

// settingError is a setting that Kafka does not go with; waiting does not mend it. Its
// text is one line and holds no secret.
type settingError struct {
	setting, problem, mend string
	cause                  error
}

func (e *settingError) Error() string { return e.setting + ": " + e.problem + "; " + e.mend }

func (e *settingError) Unwrap() []error {
	if e.cause == nil {
		return []error{mail.ErrBrokerSettings}
	}
	return []error{mail.ErrBrokerSettings, e.cause}
}

// explain makes one line of what kept us from Kafka: with the setting and the mend where a
// setting is to blame.
func (o *Options) explain(err error) error {
	if err == nil || errors.Is(err, mail.ErrBrokerSettings) {
		return err
	}
	at := "Kafka at " + strings.Join(o.Addresses, ", ")
	wrong := func(variable, problem, mend string) error {
		return &settingError{setting: variable, problem: at + " " + problem, mend: mend, cause: err}
	}
	text := err.Error()
	switch {
	case errors.Is(err, kerr.SaslAuthenticationFailed), o.SASL != "" && strings.Contains(text, "server signature"):
		return wrong(urlVariable, fmt.Sprintf("refuses user %q or the password (sasl=%s)", o.User, o.SASL), "correct them")
	case errors.Is(err, kerr.UnsupportedSaslMechanism), errors.Is(err, kerr.IllegalSaslState), strings.Contains(text, "SASL mechanism"):
		return wrong(urlVariable, fmt.Sprintf("offers no login by sasl=%q at this port", o.SASL),
			"write plain, scram-sha-256 or scram-sha-512, or leave user and sasl out")
	case errors.Is(err, kerr.GroupAuthorizationFailed):
		return wrong(urlVariable, fmt.Sprintf("does not let user %q read with the group %s", o.User, o.group()), "give it Read on the group")
	case errors.Is(err, kerr.TopicAuthorizationFailed):
		return wrong(urlVariable, fmt.Sprintf("does not let user %q use the topics", o.User), "give it Create, Describe, Read and Write on topics that begin with "+o.Prefix+".mail.")
	case errors.As(err, new(*kerr.Error)):
		return fmt.Errorf("%s: %s answers: %w", urlVariable, at, err)
	case errors.Is(err, kgo.ErrRecordRetries):
		return fmt.Errorf("%s: %s has not confirmed after several tries; see whether all of its brokers run: %w", urlVariable, at, err)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: %s does not answer in time; see whether it runs and the port is right: %w", urlVariable, at, err)
	case o.TLS != nil:
		if problem, variable, mend := explainTLS(err); problem != "" {
			return wrong(variable, problem, mend)
		}
	case errors.As(err, new(*kgo.ErrFirstReadEOF)), strings.Contains(text, "tls alert record"):
		if o.SASL == "" {
			return wrong(urlVariable, "closes the connection, which is without TLS and login",
				"begin the URL with kafkas:// where this port speaks TLS, write user, password and ?sasl= where it wants a login")
		}
		return wrong(urlVariable, "closes the connection, which is without TLS", "begin the URL with kafkas://, or name the port without TLS")
	}
	return fmt.Errorf("%s: %s cannot be reached: %w; start it, or correct the address", urlVariable, at, err)
}

// explainTLS answers with an empty problem when TLS is not to blame.
func explainTLS(err error) (problem, variable, mend string) {
	switch {
	case errors.As(err, new(x509.HostnameError)):
		return "has a certificate for other names", urlVariable, "write the hosts' names as they stand in it"
	case errors.As(err, new(*tls.CertificateVerificationError)), errors.As(err, new(x509.UnknownAuthorityError)):
		return "has a certificate that is not trusted", "SESPAN_BROKER_CA_FILE", "name the PEM file of the authority that signed it"
	case errors.As(err, new(tls.AlertError)), strings.Contains(err.Error(), "remote error: tls:"):
		return "refuses the client's certificate", "SESPAN_BROKER_CERT_FILE", "name the PEM file of one that it trusts, and SESPAN_BROKER_KEY_FILE"
	case errors.As(err, new(tls.RecordHeaderError)), errors.As(err, new(*kgo.ErrFirstReadEOF)), errors.Is(err, io.EOF):
		return "speaks no TLS at this port, or closes the connection for want of a login", urlVariable,
			"begin the URL with kafka://, or name the port with TLS; write user, password and ?sasl= where it wants a login"
	}
	return "", "", ""
}
