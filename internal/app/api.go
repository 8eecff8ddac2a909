package app

import (
	"context"
	"crypto/rand"
	"time"

	"sespan"
	"sespan/internal/access"
	"sespan/internal/apilog"
	"sespan/internal/httpapi"
	"sespan/internal/httpfetch"
	"sespan/internal/mailevent"
	"sespan/internal/otp"
	"sespan/internal/postgres"
	"sespan/internal/transaction"
)

const (
	logConnections  = 2 // flushes of the API log at once
	drawConnections = 1 // flushes of draws at once; more make smaller batches, which cost more

	customerSumsTimeout = 20 * time.Second // of a summary by customer

	reportConnections = 4 // pages of lists and exports that are read at once
)

// startAPI builds the public port. The log and the draws have connections of
// their own: a handler that waits for them holds none.
func (a *App) startAPI(ctx context.Context) error {
	logPool, err := a.openPool(ctx, "log", postgres.Options{ApplicationName: "sespan log", MaxConns: logConnections})
	if err != nil {
		return err
	}
	log := apilog.New(postgres.NewAPILog(logPool), apilog.Options{
		Logger: a.logger, Registerer: a.registry, Room: a.logRetention(), MaxBytes: a.cfg.APILogMaxBytes,
	})
	a.lifecycle.onStop("api log", log.Close)

	draws, err := a.draws(ctx)
	if err != nil {
		return err
	}
	reports, err := a.openPool(ctx, "report", postgres.Options{ApplicationName: "sespan reports", MaxConns: reportConnections})
	if err != nil {
		return err
	}
	records := postgres.NewRecords(reports)
	codes, err := a.codes()
	if err != nil {
		return err
	}
	keys := access.NewAuthenticator(postgres.NewKeys(a.pool), time.Now, a.logger)
	a.lifecycle.start("keys", keys.Run)
	tokens, err := httpfetch.OpenTokens(ctx, a.cfg.JWKS, time.Now, a.logger)
	if err != nil {
		return err
	}
	l, err := listen(ctx, "SESPAN_HTTP_ADDR", a.cfg.HTTPAddr)
	if err != nil {
		return err
	}
	minor := transaction.Minor(a.cfg.MinorUnit) //nolint:gosec // 0 to 4, checked
	handler := httpapi.New(httpapi.Deps{
		Logger: a.logger, Registerer: a.registry, Tracer: a.tracing.Tracer(), Clock: time.Now, Version: sespan.Version(),
		AllowedOrigins: a.cfg.AllowedOrigins, TrustedProxies: a.cfg.Proxies, Timeout: a.cfg.RequestTimeout,
		Keys: keys, Tokens: tokens, Log: log, OTP: codes, CustomerTables: postgres.NewCustomerTables(a.pool, time.Now), Draws: draws, Minor: minor, Ring: a.cfg.Ring,
		Records: transaction.NewRecords(records), Exports: transaction.NewExports(records), Customers: postgres.NewCustomerSums(reports, customerSumsTimeout), Zone: a.cfg.Location,
		Counts: postgres.NewStats(a.pool), LogSearch: apilog.NewSearch(postgres.NewAPILogSearch(a.pool), time.Now), Audit: postgres.NewAudit(a.pool),
		Tiers: transaction.NewTiers(postgres.NewTiers(a.pool), minor), MailEvents: a.mailEvents(),
		StaffKeys: access.StaffKeys{Admin: access.KeyAdmin{Store: postgres.NewKeys(a.pool), Clock: time.Now}},
	})
	a.lifecycle.start("public port", serveHTTP(a.logger, l, a.closeWhileDraining(handler), 15*time.Second))
	return nil
}

// logRetention keeps the log small, in maintenance and wherever it is written.
func (a *App) logRetention() *postgres.APILogRetention {
	return postgres.NewAPILogRetention(a.pool, a.logger, a.cfg.APILogDays)
}

func (a *App) draws(ctx context.Context) (*transaction.Service, error) {
	pool, err := a.openPool(ctx, "draw", postgres.Options{ApplicationName: "sespan draws", MaxConns: drawConnections})
	if err != nil {
		return nil, err
	}
	store := postgres.NewTransactions(pool)
	draws := transaction.NewService(transaction.Config{
		Store: store, Epochs: transaction.NewEpochs(store, a.cfg.Ring, rand.Reader), Registerer: a.registry,
		Minor: transaction.Minor(a.cfg.MinorUnit), Flushers: drawConnections, //nolint:gosec // 0 to 4, checked
	})
	a.lifecycle.onStop("draws", draws.Close)
	a.check("draws", false, transaction.NewEpochs(postgres.NewTransactions(a.pool), a.cfg.Ring, rand.Reader).Check)
	return draws, nil
}

func (a *App) codes() (*otp.Service, error) {
	mailer, err := mailer(a.cfg)
	if err != nil {
		return nil, err
	}
	return otp.New(otp.Options{
		Store: postgres.NewOTPStore(a.pool), Ring: a.cfg.Ring, Mailer: mailer, Logger: a.logger,
		Registerer: a.registry, Life: a.cfg.OTPLifetime, Digits: a.cfg.OTPDigits,
	}), nil
}

func (a *App) mailEvents() *mailevent.Service {
	return mailevent.New(mailevent.Options{
		Store: postgres.NewMailEvents(a.pool), Keys: a.cfg.Events, Topics: a.cfg.SNSTopics, Fetch: httpfetch.New(),
		BounceLife: time.Duration(a.cfg.MailBounceDays) * 24 * time.Hour, Clock: time.Now, Logger: a.logger, Registerer: a.registry,
	})
}
