package app

import (
	"context"
	"crypto/rand"
	"time"

	"sespan/internal/config"
	"sespan/internal/mail"
	"sespan/internal/postgres"
	"sespan/internal/secret"
	"sespan/internal/smtp"
	"sespan/internal/transaction"
)

const mailConnections = 4 // claims, beginnings, results and upkeep

// startMail builds the worker: listener → queue → SMTP.
func (s *server) startMail(ctx context.Context) error {
	sender, err := s.relay()
	if err != nil {
		return err
	}
	s.check("smtp", !s.cfg.Runs("api"), sender.Check)
	pool, err := s.openPool(ctx, postgres.Options{ApplicationName: "sespan mail", MaxConns: mailConnections, SteadyPlans: true})
	if err != nil {
		return err
	}
	listener, err := postgres.NewListener(postgres.ListenerOptions{
		URL: s.cfg.Direct, Channels: []string{postgres.MailChannel}, Logger: s.logger, Metrics: s.registry,
	})
	if err != nil {
		return &config.Error{Variable: "SESPAN_DATABASE_DIRECT_URL", Problem: "cannot be used: " + err.Error(), Mend: mendDatabaseURL}
	}
	worker, err := mail.NewWorker(mail.WorkerConfig{
		Store: postgres.NewMail(pool), Sender: sender, Open: s.unseal, From: s.cfg.MailFrom,
		Logger: s.logger, Metrics: s.registry, Connections: s.cfg.SMTPConnections,
		Bell: listener.Signal(postgres.MailChannel), Hears: listener.Connected,
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

func (s *server) relay() (*smtp.Sender, error) {
	const mend = "write smtp://USER:PASSWORD@host:587?tls=starttls (or tls=implicit; tls=none for a trusted network)"
	if s.cfg.SMTPURL == "" {
		return nil, &config.Error{Variable: "SESPAN_SMTP_URL", Problem: "is not set", Mend: mend}
	}
	cfg, err := smtp.ParseURL(s.cfg.SMTPURL)
	if err != nil {
		return nil, &config.Error{Variable: "SESPAN_SMTP_URL", Problem: "cannot be used: " + err.Error(), Mend: mend}
	}
	cfg.Connections, cfg.Logger = s.cfg.SMTPConnections, s.logger
	return smtp.New(cfg)
}

// unseal opens the body of a code's mail just before it is sent.
func (s *server) unseal(_ string, sealed []byte) ([]byte, error) {
	return s.cfg.Ring.Open(secret.LabelMail, "", sealed)
}

func untilEnd(run func(context.Context)) func(context.Context) error {
	return func(ctx context.Context) error { run(ctx); return nil }
}

const (
	partitionsAhead  = 7
	maintenanceEvery = 10 * time.Minute
	keepCodes        = 30 * 24 * time.Hour
	sweepPortion     = 5000
)

// startMaintenance makes partitions and draw epochs ahead and sweeps what has
// outlived its use; any number of processes may do so.
func (s *server) startMaintenance(context.Context) error {
	store := postgres.NewTransactions(s.pool)
	epochs := transaction.NewEpochs(store, s.cfg.Ring, rand.Reader)
	codes := postgres.NewOTPStore(s.pool)
	tasks := map[string]func(context.Context) error{
		"partitions":  func(ctx context.Context) error { _, err := s.pool.PartitionEnsure(ctx, partitionsAhead); return err },
		"draw epochs": func(ctx context.Context) error { _, err := epochs.Ensure(ctx); return err },
		"old codes": func(ctx context.Context) error {
			for swept := int64(sweepPortion); swept >= sweepPortion; {
				var err error
				if swept, err = codes.Sweep(ctx, keepCodes.Seconds(), sweepPortion); err != nil {
					return err
				}
			}
			return nil
		},
	}
	s.lifecycle.start("maintenance", func(ctx context.Context) error {
		wait := time.Duration(0)
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(wait):
			}
			wait = maintenanceEvery
			for name, task := range tasks {
				if err := task(ctx); err != nil && ctx.Err() == nil {
					s.logger.Warn("maintenance failed; it is tried again", "task", name, "error", err)
					wait = 10 * time.Second
				}
			}
		}
	})
	return nil
}
