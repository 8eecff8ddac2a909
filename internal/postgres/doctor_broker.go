package postgres

import (
	"context"

	"github.com/google/uuid"
)

// BrokerState is what the database knows of the broker's use.
type BrokerState struct {
	Installation uuid.UUID
	Prefix       string // "" until a broker is used
	Workers      []DispatchWorkers
}

// DispatchWorkers are those of one kind that live.
type DispatchWorkers struct {
	Announcer bool   // else they send
	Dispatch  string // postgres, amqp, kafka
	Live      int
	Waiting   int // announcers without a confirmation
}

// Broker reads who this installation is to a broker, and who works with it.
func (d *Doctor) Broker(ctx context.Context) (BrokerState, error) {
	i, err := d.pool.queries.DoctorInstallation(ctx, d.pool)
	if err != nil {
		return BrokerState{}, mapError(err)
	}
	rows, err := d.pool.queries.DoctorDispatch(ctx, d.pool)
	if err != nil {
		return BrokerState{}, mapError(err)
	}
	s := BrokerState{Installation: i.InstallationUuid, Prefix: i.BrokerPrefix}
	for _, r := range rows {
		s.Workers = append(s.Workers, DispatchWorkers{r.Announcer, r.Dispatch, int(r.Live), int(r.Waiting)})
	}
	return s, nil
}
