package app

import (
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"sespan/internal/config"
	"sespan/internal/dkim"
	"sespan/internal/smtp"
)

// Relays are those of SESPAN_SMTP_URL; serve and doctor make them alike.
func Relays(c *config.Settings, logger *slog.Logger, metrics prometheus.Registerer, tracer trace.Tracer) (*smtp.Relays, error) {
	wrong := func(problem string) error {
		return &config.Error{Variable: "SESPAN_SMTP_URL", Problem: problem, Hint: config.HintSMTPURL}
	}
	if c.SMTPURL == "" {
		return nil, wrong("is not set")
	}
	all, err := smtp.ParseURLs(c.SMTPURL)
	if err != nil {
		return nil, wrong("cannot be used: " + err.Error())
	}
	for i := range all {
		if all[i].Connections == 0 {
			all[i].Connections = c.SMTPConnections
		}
		if all[i].RootCAs != nil || c.SMTPCAFile == "" {
			continue
		}
		if all[i].RootCAs, err = smtp.ReadCA(c.SMTPCAFile); err != nil {
			return nil, &config.Error{Variable: "SESPAN_SMTP_CA_FILE", Problem: err.Error(), Hint: "name a file of PEM certificates"}
		}
	}
	return smtp.NewRelays(all, smtp.RelaysOptions{Logger: logger, Metrics: metrics, Tracer: tracer})
}

// signFunc signs with DKIM, nil where no key is configured.
func signFunc(c *config.Settings) (func([]byte) ([]byte, error), error) {
	s, err := Signer(c)
	if s == nil {
		return nil, err
	}
	return s.Sign, nil
}

// Signer is that of DKIM, nil where no key is configured; serve and doctor make it alike.
func Signer(c *config.Settings) (*dkim.Signer, error) {
	keys := make([]dkim.Key, len(c.DKIMKeyFile))
	for i, file := range c.DKIMKeyFile {
		var err error
		if keys[i], err = dkim.ReadKey(c.DKIMSelector[i], file); err != nil {
			return nil, &config.Error{
				Variable: "SESPAN_DKIM_KEY_FILE", Problem: "cannot be used: " + err.Error(),
				Hint: "make one with: (umask 077; openssl genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:2048 -out dkim.pem)",
			}
		}
	}
	if len(keys) == 0 {
		return nil, nil //nolint:nilnil // no key is configured
	}
	s, err := dkim.New(c.DKIMDomain, keys...)
	if err != nil {
		return nil, &config.Error{Variable: "SESPAN_DKIM_SELECTOR", Problem: "cannot be used: " + err.Error(), Hint: "write letters, digits and hyphens, such as sespan1"}
	}
	return s, nil
}
