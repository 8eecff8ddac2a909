package app

import (
	"context"
	"crypto/rand"
	"io/fs"
	"os"
	"time"

	"sespan/internal/access"
	"sespan/internal/apilog"
	"sespan/internal/config"
	"sespan/internal/feedback"
	"sespan/internal/httpapi"
	"sespan/internal/otp"
	"sespan/internal/postgres"
	"sespan/internal/transaction"
)

const (
	logConnections  = 2 // flushes of the API log at once
	drawConnections = 1 // flushes of draws at once; more make smaller batches, which cost more
)

// startAPI builds the public port. The log and the draws have connections of
// their own: a handler that waits for them holds none.
func (s *server) startAPI(ctx context.Context) error {
	logPool, err := s.openPool(ctx, postgres.Options{ApplicationName: "sespan log", MaxConns: logConnections})
	if err != nil {
		return err
	}
	log := apilog.New(postgres.NewAPILog(logPool), apilog.Options{Logger: s.logger, Registerer: s.registry})
	s.lifecycle.onStop("api log", log.Close)

	draws, err := s.draws(ctx)
	if err != nil {
		return err
	}
	codes, err := s.codes()
	if err != nil {
		return err
	}
	keys := access.NewAuthenticator(postgres.NewKeys(s.pool), time.Now, s.logger)
	s.lifecycle.start("keys", keys.Run)
	tokens, err := httpapi.OpenTokens(ctx, s.cfg.JWKS, time.Now, s.logger)
	if err != nil {
		return err
	}
	l, err := listen(ctx, "SESPAN_HTTP_ADDR", s.cfg.HTTPAddr)
	if err != nil {
		return err
	}
	minor := transaction.Minor(s.cfg.MinorUnit) //nolint:gosec // 0 to 4, checked
	handler := httpapi.New(httpapi.Deps{
		Logger: s.logger, Registerer: s.registry, Clock: time.Now, Version: "1",
		AllowedOrigins: s.cfg.AllowedOrigins, TrustedProxies: s.cfg.Proxies, Timeout: s.cfg.RequestTimeout,
		Keys: keys, Tokens: tokens, Log: log, OTP: codes, Draws: draws, Minor: minor,
		Tiers: transaction.NewTiers(postgres.NewTiers(s.pool), minor), Feedback: s.feedback(),
	})
	s.lifecycle.start("public port", serveHTTP(s.logger, l, handler, 15*time.Second))
	return nil
}

func (s *server) draws(ctx context.Context) (*transaction.Service, error) {
	pool, err := s.openPool(ctx, postgres.Options{ApplicationName: "sespan draws", MaxConns: drawConnections})
	if err != nil {
		return nil, err
	}
	store := postgres.NewTransactions(pool)
	draws := transaction.NewService(transaction.Config{
		Store: store, Epochs: transaction.NewEpochs(store, s.cfg.Ring, rand.Reader), Registerer: s.registry,
		Minor: transaction.Minor(s.cfg.MinorUnit), Flushers: drawConnections, //nolint:gosec // 0 to 4, checked
	})
	s.lifecycle.onStop("draws", draws.Close)
	s.check("draws", false, transaction.NewEpochs(postgres.NewTransactions(s.pool), s.cfg.Ring, rand.Reader).Check)
	return draws, nil
}

func (s *server) codes() (*otp.Service, error) {
	var overrides fs.FS
	if s.cfg.OTPTemplates != "" {
		overrides = os.DirFS(s.cfg.OTPTemplates)
	}
	mailer, err := otp.NewMailer(otp.MailerOptions{
		Site: s.cfg.SiteName, Link: s.cfg.OTPLink, Life: s.cfg.OTPLifetime, Overrides: overrides,
	})
	if err != nil {
		return nil, &config.Error{Variable: "SESPAN_OTP_TEMPLATES", Problem: "cannot be used: " + err.Error(), Mend: "mend the file or leave it out"}
	}
	return otp.New(otp.Options{
		Store: postgres.NewOTPStore(s.pool), Ring: s.cfg.Ring, Mailer: mailer, Logger: s.logger,
		Registerer: s.registry, Life: s.cfg.OTPLifetime, Digits: s.cfg.OTPDigits,
	}), nil
}

func (s *server) feedback() *feedback.Service {
	return feedback.New(feedback.Options{
		Store: postgres.NewEvents(s.pool), Keys: s.cfg.Events, Topics: s.cfg.SNSTopics, Fetch: httpapi.NewDocuments(),
		BounceLife: time.Duration(s.cfg.MailBounceDays) * 24 * time.Hour, Clock: time.Now, Logger: s.logger, Registerer: s.registry,
	})
}
