package app

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"sespan/internal/mail"
	"sespan/internal/postgres"
)

// announceConnections: looks, marks that are taken back (one for each lane) and the sign of life.
const announceConnections = mail.Lanes + 2

// startAnnounce builds the announcer: listener → marks in the queue → broker.
func (a *App) startAnnounce(ctx context.Context) error {
	pool, err := a.openPool(ctx, "announce", postgres.Options{ApplicationName: "sespan announce", MaxConns: announceConnections, GenericPlans: true})
	if err != nil {
		return err
	}
	metrics := prometheus.Registerer(a.registry)
	if a.cfg.Runs("mail") { // its listener tells of the same channel
		metrics = prometheus.NewRegistry()
	}
	listener, err := a.mailListener(pool, metrics)
	if err != nil {
		return err
	}
	announcer, err := mail.NewAnnouncer(mail.AnnouncerConfig{
		Store: postgres.NewMail(pool), Broker: a.broker, Dispatch: a.cfg.Broker.Kind, Installation: a.installation, Window: a.cfg.Broker.Window,
		Logger: a.logger, Metrics: a.registry, Notifications: listener.Signal(postgres.MailChannel), Listening: listener.Connected,
	})
	if err != nil {
		return err
	}
	a.lifecycle.start("announcer's listener", withoutError(listener.Run))
	a.lifecycle.start("announcer", withoutError(announcer.Run))
	return nil
}
