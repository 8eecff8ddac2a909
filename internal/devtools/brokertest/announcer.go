package brokertest

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sespan/internal/mail"
	"sespan/internal/postgres"
)

// announcer runs one until stop.
func (r *rig) announcer() (stop func()) {
	if r.backend.Connect == nil {
		return func() {}
	}
	client := r.connect()
	if r.alter != nil {
		client = r.alter(client)
	}
	reg := prometheus.NewRegistry()
	listener, err := postgres.NewListener(postgres.ListenerOptions{
		URL: r.db.URL, Channels: []string{postgres.MailChannel}, Logger: quiet(), Metrics: reg,
	})
	if err != nil {
		r.tb.Fatal(err)
	}
	a, err := mail.NewAnnouncer(mail.AnnouncerConfig{
		Store: r.store(), Broker: client, Dispatch: "amqp", Installation: r.site.Installation, Logger: quiet(), Metrics: reg,
		Notifications: listener.Signal(postgres.MailChannel), Listening: listener.Connected, Again: [mail.Lanes]time.Duration{r.again, r.again, r.again},
	})
	if err != nil {
		r.tb.Fatal(err)
	}
	return r.run(listener.Run, a.Run)
}
