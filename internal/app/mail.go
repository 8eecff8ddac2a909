package app

import (
	"context"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sespan/internal/config"
	"sespan/internal/mail"
	"sespan/internal/mail/ratelimit"
	"sespan/internal/postgres"
	"sespan/internal/secret"
	"sespan/internal/smtp"
)

// mailConnections: claims, starts of deliveries, results (two) and maintenance; with a
// broker the claims of the fallback, too.
const mailConnections = 5

// startMail builds the worker: listener or broker → queue → SMTP.
func (a *App) startMail(ctx context.Context) error {
	sender, err := Relays(&a.cfg.Settings, a.logger, a.registry, a.tracing.Tracer())
	if err != nil {
		return err
	}
	a.check("smtp", !a.cfg.Runs("api"), sender.Check)
	if all := sender.All(); len(all) > 1 {
		for i, relay := range all {
			a.check("smtp relay "+strconv.Itoa(i+1), false, relay.Check)
		}
	}
	sign, err := signFunc(&a.cfg.Settings)
	if err != nil {
		return err
	}
	connections := int32(mailConnections)
	if a.broker != nil {
		connections++
	}
	pool, err := a.openPool(ctx, "mail", postgres.Options{ApplicationName: "sespan mail", MaxConns: connections, GenericPlans: true})
	if err != nil {
		return err
	}
	listener, err := a.mailListener(pool, a.registry)
	if err != nil {
		return err
	}
	store := postgres.NewMail(pool)
	c := mail.WorkerConfig{
		Store: store, Sender: sender, Unseal: a.unseal, From: a.cfg.MailFrom, Sign: sign,
		Limits: ratelimit.Limits{Rate: a.cfg.Rates.All, DomainRate: a.cfg.Rates.Default, Domains: a.cfg.Rates.Domains},
		Logger: a.logger, Metrics: a.registry, Connections: sender.Connections(), Senders: sender.Concurrency(), Reasons: smtp.Reasons(),
		Notifications: listener.Signal(postgres.MailChannel), Listening: listener.Connected,
	}
	if a.broker != nil {
		c.Broker, c.Announced, c.Fallback, c.Dispatch = a.broker, store, a.cfg.Broker.Fallback, a.cfg.Broker.Kind
	}
	worker, err := mail.NewWorker(c)
	if err != nil {
		return err
	}
	a.lifecycle.onStop("smtp", func() {
		ending, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := sender.Close(ending); err != nil {
			a.logger.Warn("smtp: connections were cut", "error", err)
		}
	})
	a.lifecycle.start("listener", withoutError(listener.Run))
	a.lifecycle.start("mail worker", withoutError(worker.Run))
	return nil
}

// mailListener hears what wakes workers and announcers.
func (a *App) mailListener(pool *postgres.Pool, metrics prometheus.Registerer) (*postgres.Listener, error) {
	listener, err := postgres.NewListener(postgres.ListenerOptions{
		URL: a.cfg.Direct, Channels: []string{postgres.MailChannel}, Logger: a.logger, Metrics: metrics, Pool: pool,
	})
	if err != nil {
		return nil, &config.Error{Variable: "SESPAN_DATABASE_DIRECT_URL", Problem: "cannot be used: " + err.Error(), Hint: config.HintDatabaseURL}
	}
	return listener, nil
}

// unseal opens the body of a code's mail just before it is sent.
func (a *App) unseal(_ string, sealed []byte) ([]byte, error) {
	return a.cfg.Ring.Open(secret.LabelMail, "", sealed)
}

func withoutError(run func(context.Context)) func(context.Context) error {
	return func(ctx context.Context) error { run(ctx); return nil }
}
