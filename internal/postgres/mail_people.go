package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"sespan/internal/postgres/dbsqlc"
)

// MailDesk is what people ask of the mail queue and do to it, with their own
// database login. The functions of the schema check and audit; see docs/mail.md.
type MailDesk struct{ pool *Pool }

// NewMailDesk makes it.
func NewMailDesk(pool *Pool) *MailDesk { return &MailDesk{pool} }

// MailStatus is a row of mail_status.
type MailStatus struct {
	State   string     `json:"state"`
	Mails   int64      `json:"mails"`
	Paused  int64      `json:"paused"`
	Oldest  *time.Time `json:"oldest"`
	NextDue *time.Time `json:"next_due"`
}

// MailReason is a row of mail_why.
type MailReason struct {
	QueueID    int64      `json:"queue_id"`
	MessageID  int64      `json:"message_id"`
	Recipient  string     `json:"recipient"`
	State      string     `json:"state"`
	Reason     *string    `json:"reason"`
	Why        string     `json:"why"`
	NextTry    *time.Time `json:"next_try"`
	Attempts   int        `json:"attempts"`
	Code       *int       `json:"code"`
	Reply      *string    `json:"reply"`
	FinishedAt *time.Time `json:"finished_at"`
}

// MailChange is a row of mail_retry and mail_cancel; without a queue id it is
// about a message that nobody knows.
type MailChange struct {
	QueueID   *int64  `json:"queue_id"`
	MessageID int64   `json:"message_id"`
	Recipient *string `json:"recipient"`
	Was       *string `json:"was"`
	State     *string `json:"state"`
	Changed   bool    `json:"changed"`
	Note      *string `json:"note"`
}

// MailPaused is a pause; Mails and LeftParked speak of what a resumption let go.
type MailPaused struct {
	What       string     `json:"what"`
	Since      *time.Time `json:"since"`
	Actor      *string    `json:"actor"`
	Mails      int64      `json:"mails"`
	LeftParked int64      `json:"left_parked"`
}

// MailContent is what mail_preview shows.
type MailContent struct {
	MessageID   int64             `json:"message_id"`
	CreatedAt   time.Time         `json:"created_at"`
	Category    *string           `json:"category"`
	Sender      *string           `json:"sender"`
	ReplyTo     *string           `json:"reply_to"`
	To          []string          `json:"to_addresses"`
	CC          []string          `json:"cc_addresses"`
	Subject     string            `json:"subject"`
	Text        *string           `json:"body_text"`
	HTML        *string           `json:"body_html"`
	Headers     map[string]string `json:"headers"`
	Attachments []MailFile        `json:"attachments"`
	Raw         *string           `json:"raw"`
	Note        *string           `json:"note"`
}

// MailFile is an attachment without its content.
type MailFile struct {
	Filename    *string `json:"filename"`
	ContentType *string `json:"content_type"`
	ContentID   *string `json:"content_id"`
	Size        int64   `json:"size"`
}

// MailFound is a line of a list of mails.
type MailFound struct {
	MessageID  int64      `json:"message_id"`
	CreatedAt  time.Time  `json:"created_at"`
	Category   *string    `json:"category"`
	Subject    string     `json:"subject"`
	To         []string   `json:"to_addresses"`
	Recipients int        `json:"recipients"`
	Pending    int        `json:"pending"`
	Sent       int        `json:"sent"`
	Dead       int        `json:"dead"`
	State      string     `json:"state"`
	Priority   int        `json:"priority"`
	SendAt     *time.Time `json:"send_at"`
	FinishedAt *time.Time `json:"finished_at"`
}

// MailStuck is a row of the view mail_stuck.
type MailStuck struct {
	Kind      string     `json:"kind"`
	QueueID   int64      `json:"queue_id"`
	MessageID int64      `json:"message_id"`
	Recipient string     `json:"recipient"`
	State     string     `json:"state"`
	Since     *time.Time `json:"since"`
	Why       string     `json:"why"`
}

// MailThroughput is a minute of the view mail_throughput.
type MailThroughput struct {
	Minute   time.Time `json:"minute"`
	Sent     int64     `json:"sent"`
	Failed   int64     `json:"failed"`
	Withheld int64     `json:"withheld"`
}

// MailDead is a row of the view mail_dead.
type MailDead struct {
	QueueID    int64     `json:"queue_id"`
	MessageID  int64     `json:"message_id"`
	CreatedAt  time.Time `json:"created_at"`
	FinishedAt time.Time `json:"finished_at"`
	Recipient  string    `json:"recipient"`
	Category   *string   `json:"category"`
	Subject    *string   `json:"subject"`
	Attempts   int       `json:"attempts"`
	Reason     *string   `json:"reason"`
	Code       *int      `json:"code"`
	Reply      *string   `json:"reply"`
	BodyKept   bool      `json:"body_kept"`
}

// MailAudit is a row of mail_audit.
type MailAudit struct {
	ID     int64     `json:"audit_id"`
	At     time.Time `json:"at"`
	Actor  string    `json:"actor"`
	Login  string    `json:"login"`
	Action string    `json:"action"`
	IDs    []int64   `json:"ids"`
	Detail *string   `json:"detail"`
}

// MailSuppression is a row of mail_suppression.
type MailSuppression struct {
	Address   string     `json:"address"`
	Scope     string     `json:"scope"`
	Reason    string     `json:"reason"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt *time.Time `json:"expires_at"`
	MessageID *int64     `json:"message_id"`
	Source    string     `json:"source"`
	Detail    *string    `json:"detail"`
}

// MailSearch chooses mails; the zero value is all of them.
type MailSearch struct {
	State, Category, Recipient string // exactly, exactly, the beginning
	Before                     int64  // message ids below it; 0 from the newest
	Limit                      int
}

// Status counts the mails by state.
func (d *MailDesk) Status(ctx context.Context) ([]MailStatus, error) {
	return mailRows[MailStatus](d.pool.queries.MailStatusList(ctx, d.pool))
}

// Why explains each recipient of a message; none for an unknown one.
func (d *MailDesk) Why(ctx context.Context, message int64) ([]MailReason, error) {
	return mailRows[MailReason](d.pool.queries.MailWhyList(ctx, d.pool, message))
}

// Retry sends mails again, or says why not.
func (d *MailDesk) Retry(ctx context.Context, ids []int64, actor string) ([]MailChange, error) {
	return mailRows[MailChange](d.pool.queries.MailRetryList(ctx, d.pool, ids, actor))
}

// Cancel takes mails out of the queue, or says why not.
func (d *MailDesk) Cancel(ctx context.Context, ids []int64, actor string) ([]MailChange, error) {
	return mailRows[MailChange](d.pool.queries.MailCancelList(ctx, d.pool, ids, actor))
}

// Pause stops all mails, category:x or domain:x.
func (d *MailDesk) Pause(ctx context.Context, what, actor string) ([]MailPaused, error) {
	return mailRows[MailPaused](d.pool.queries.MailPauseList(ctx, d.pool, what, actor))
}

// Resume ends a pause; no row where there was none.
func (d *MailDesk) Resume(ctx context.Context, what, actor string) ([]MailPaused, error) {
	return mailRows[MailPaused](d.pool.queries.MailResumeList(ctx, d.pool, what, actor))
}

// Paused lists the pauses.
func (d *MailDesk) Paused(ctx context.Context) ([]MailPaused, error) {
	return mailRows[MailPaused](d.pool.queries.MailPausedList(ctx, d.pool))
}

// Preview shows the content of a message, and is audited.
func (d *MailDesk) Preview(ctx context.Context, message int64, actor string) ([]MailContent, error) {
	return mailRows[MailContent](d.pool.queries.MailPreviewList(ctx, d.pool, message, actor))
}

// Find lists mails, newest first.
func (d *MailDesk) Find(ctx context.Context, s MailSearch) ([]MailFound, error) {
	p := &dbsqlc.MailFindListParams{State: s.State, Category: s.Category, Recipient: s.Recipient, Before: s.Before, Portion: int32(s.Limit)} //nolint:gosec // at most 1000
	if p.Before == 0 {
		p.Before = 1<<63 - 1
	}
	return mailRows[MailFound](d.pool.queries.MailFindList(ctx, d.pool, p))
}

// Stuck lists mails that need a look.
func (d *MailDesk) Stuck(ctx context.Context, limit int) ([]MailStuck, error) {
	return mailRows[MailStuck](d.pool.queries.MailStuckList(ctx, d.pool, int32(limit))) //nolint:gosec // at most 1000
}

// Throughput gives the minutes of the last hour.
func (d *MailDesk) Throughput(ctx context.Context) ([]MailThroughput, error) {
	return mailRows[MailThroughput](d.pool.queries.MailThroughputList(ctx, d.pool))
}

// Dead lists dead mails, the latest first, of one category or ("") of all.
func (d *MailDesk) Dead(ctx context.Context, category string, limit int) ([]MailDead, error) {
	return mailRows[MailDead](d.pool.queries.MailDeadList(ctx, d.pool, category, int32(limit))) //nolint:gosec // at most 1000
}

// Audit lists the calls of people, the latest first.
func (d *MailDesk) Audit(ctx context.Context, limit int) ([]MailAudit, error) {
	return mailRows[MailAudit](d.pool.queries.MailAuditList(ctx, d.pool, int32(limit))) //nolint:gosec // at most 1000
}

// Suppress writes to an address no more, until a moment or (nil) for ever.
func (d *MailDesk) Suppress(ctx context.Context, address, scope, detail string, until *time.Time, actor string) ([]MailSuppression, error) {
	return mailRows[MailSuppression](d.pool.queries.MailSuppressList(ctx, d.pool, &dbsqlc.MailSuppressListParams{
		Address: address, Scope: scope, Detail: detail, ExpiresAt: until, Actor: actor,
	}))
}

// Unsuppress writes to an address again; no row where it was not suppressed.
func (d *MailDesk) Unsuppress(ctx context.Context, address, actor string) ([]MailSuppression, error) {
	return mailRows[MailSuppression](d.pool.queries.MailUnsuppressList(ctx, d.pool, address, actor))
}

// Suppressed lists suppressed addresses, or the rows of one.
func (d *MailDesk) Suppressed(ctx context.Context, address string, limit int) ([]MailSuppression, error) {
	return mailRows[MailSuppression](d.pool.queries.MailSuppressedList(ctx, d.pool, address, int32(limit))) //nolint:gosec // at most 1000
}

func mailRows[T any](list []byte, err error) ([]T, error) {
	if err != nil {
		return nil, mailRefusal(err)
	}
	var rows []T
	if err := json.Unmarshal(list, &rows); err != nil {
		return nil, fmt.Errorf("mail: %w", err)
	}
	return rows, nil
}

// mailRefusal puts a refusal in words for the person at the command line.
func mailRefusal(err error) error {
	pe, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return mapError(err)
	}
	switch pe.Code {
	case "42501":
		return fmt.Errorf("this login has no right to that (%s): it must be a member of sespan_admin and sespan_reader_detail", pe.Message)
	case "22023", stateBadMail:
		return errors.New(pe.Message)
	}
	return mapError(err)
}
