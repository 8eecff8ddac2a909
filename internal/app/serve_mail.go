package app

import (
	"context"
	"strconv"
	"time"

	"sespan/internal/config"
	"sespan/internal/mail"
	"sespan/internal/mail/ratelimit"
	"sespan/internal/postgres"
	"sespan/internal/secret"
)

const mailConnections = 5 // claims, beginnings, results (two) and upkeep

// startMail builds the worker: listener → queue → SMTP.
func (s *server) startMail(ctx context.Context) error {
	sender, err := relays(&s.cfg.Settings, s.logger, s.registry)
	if err != nil {
		return err
	}
	s.check("smtp", !s.cfg.Runs("api"), sender.Check)
	if each := sender.Each(); len(each) > 1 {
		for i, one := range each {
			s.check("smtp relay "+strconv.Itoa(i+1), false, one.Check)
		}
	}
	sign, err := signer(&s.cfg.Settings)
	if err != nil {
		return err
	}
	pool, err := s.openPool(ctx, postgres.Options{ApplicationName: "sespan mail", MaxConns: mailConnections, GenericPlans: true})
	if err != nil {
		return err
	}
	listener, err := postgres.NewListener(postgres.ListenerOptions{
		URL: s.cfg.Direct, Channels: []string{postgres.MailChannel}, Logger: s.logger, Metrics: s.registry, Pool: pool,
	})
	if err != nil {
		return &config.Error{Variable: "SESPAN_DATABASE_DIRECT_URL", Problem: "cannot be used: " + err.Error(), Mend: mendDatabaseURL}
	}
	worker, err := mail.NewWorker(mail.WorkerConfig{
		Store: postgres.NewMail(pool), Sender: sender, Open: s.unseal, From: s.cfg.MailFrom, Sign: sign,
		Limits: ratelimit.Limits{Rate: s.cfg.Rates.All, DomainRate: s.cfg.Rates.Default, Domains: s.cfg.Rates.Domains},
		Logger: s.logger, Metrics: s.registry, Connections: sender.Connections(),
		Bell: listener.Signal(postgres.MailChannel), NotificationsWork: listener.Connected,
	})
	if err != nil {
		return err
	}
	s.lifecycle.onStop("smtp", func() {
		ending, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := sender.Close(ending); err != nil {
			s.logger.Warn("smtp: connections were cut", "error", err)
		}
	})
	s.lifecycle.start("listener", untilEnd(listener.Run))
	s.lifecycle.start("mail worker", untilEnd(worker.Run))
	return nil
}

// unseal opens the body of a code's mail just before it is sent.
func (s *server) unseal(_ string, sealed []byte) ([]byte, error) {
	return s.cfg.Ring.Open(secret.LabelMail, "", sealed)
}

func untilEnd(run func(context.Context)) func(context.Context) error {
	return func(ctx context.Context) error { run(ctx); return nil }
}
