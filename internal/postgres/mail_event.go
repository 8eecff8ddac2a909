package postgres

import (
	"context"
	"encoding/json"
	"time"

	"sespan/internal/mailevent"
)

// MailEvents keeps mail events and the list of suppressed addresses: mailevent.Store.
type MailEvents struct{ pool *Pool }

// NewMailEvents makes the store.
func NewMailEvents(pool *Pool) *MailEvents { return &MailEvents{pool} }

// eventRow is an event as mail_event_apply reads it.
type eventRow struct {
	EventID    string         `json:"event_id"`
	Kind       mailevent.Kind `json:"kind"`
	Permanent  bool           `json:"permanent"`
	Recipient  string         `json:"recipient"`
	AddressKey string         `json:"address_key"`
	Mailbox    string         `json:"mailbox"`
	MessageID  *int64         `json:"message_id"`
	CreatedAt  *time.Time     `json:"created_at"`
	RelayID    string         `json:"relay_id"`
	SentAt     *time.Time     `json:"sent_at"`
	OccurredAt time.Time      `json:"occurred_at"`
	Detail     string         `json:"detail"`
}

// Apply stores the events in one transaction; a bounced address is suppressed for
// bounceLife, in whole days.
func (s *MailEvents) Apply(ctx context.Context, source string, events []mailevent.Event, bounceLife time.Duration) (map[string]mailevent.Result, error) {
	rows := make([]eventRow, len(events))
	for i, e := range events {
		key, mailbox := e.Address()
		rows[i] = eventRow{
			EventID: e.ID, Kind: e.Kind, Permanent: e.Permanent, Recipient: e.Recipient, AddressKey: key, Mailbox: mailbox, RelayID: e.Mail.RelayID,
			CreatedAt: orNull(e.Mail.CreatedAt), SentAt: orNull(e.Mail.SentAt), OccurredAt: e.At, Detail: e.Detail,
		}
		if e.Mail.MessageID != 0 {
			rows[i].MessageID = &e.Mail.MessageID
		}
	}
	body, err := json.Marshal(rows)
	if err != nil {
		return nil, err
	}
	days := int32(max(1, bounceLife/(24*time.Hour))) //nolint:gosec // years of days fit
	found, err := s.pool.queries.MailEventApply(ctx, s.pool, source, body, days)
	if err != nil {
		return nil, mapError(err)
	}
	results := make(map[string]mailevent.Result, len(found))
	for _, row := range found {
		if _, twice := results[row.EventID]; !twice {
			results[row.EventID] = mailevent.Result(row.Result)
		}
	}
	return results, nil
}

// Cleanup deletes events older than keep, in portions, until few are left.
func (s *MailEvents) Cleanup(ctx context.Context, keep time.Duration) error {
	const portion = 1000
	for {
		n, err := s.pool.queries.MailEventCleanup(ctx, s.pool, keep.Seconds(), portion)
		if err != nil || n < portion {
			return mapError(err)
		}
	}
}

func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
