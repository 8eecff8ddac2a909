package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"sespan/internal/address"
	"sespan/internal/mail"
	"sespan/internal/postgres/dbsqlc"
)

// MailAdmin asks and changes the mail queue for a person, with the person's own
// database login. The functions of the schema check and audit; see docs/mail-operations.md.
type MailAdmin struct{ pool *Pool }

// NewMailAdmin makes it.
func NewMailAdmin(pool *Pool) *MailAdmin { return &MailAdmin{pool} }

// Status counts the mails by state.
func (a *MailAdmin) Status(ctx context.Context) ([]mail.StateCount, error) {
	return adminRows[mail.StateCount](a.pool.queries.MailStatusList(ctx, a.pool))
}

// Why explains each recipient of a message; none for an unknown one.
func (a *MailAdmin) Why(ctx context.Context, message int64) ([]mail.Explanation, error) {
	return adminRows[mail.Explanation](a.pool.queries.MailWhyList(ctx, a.pool, message))
}

// Retry sends mails again, or says why not.
func (a *MailAdmin) Retry(ctx context.Context, ids []int64, actor string) ([]mail.Change, error) {
	return adminRows[mail.Change](a.change(ctx, func(tx *batchTx) ([]byte, error) {
		return a.pool.queries.MailRetryList(ctx, tx, ids, actor)
	}))
}

// Cancel takes mails out of the queue, or says why not.
func (a *MailAdmin) Cancel(ctx context.Context, ids []int64, actor string) ([]mail.Change, error) {
	return adminRows[mail.Change](a.change(ctx, func(tx *batchTx) ([]byte, error) {
		return a.pool.queries.MailCancelList(ctx, tx, ids, actor)
	}))
}

// Pause stops all mails, category:x or domain:x.
func (a *MailAdmin) Pause(ctx context.Context, what, actor string) ([]mail.Pause, error) {
	return adminRows[mail.Pause](a.change(ctx, func(tx *batchTx) ([]byte, error) {
		return a.pool.queries.MailPauseList(ctx, tx, asciiDomain(what), actor)
	}))
}

// Resume ends a pause; no row where there was none.
func (a *MailAdmin) Resume(ctx context.Context, what, actor string) ([]mail.Pause, error) {
	return adminRows[mail.Pause](a.change(ctx, func(tx *batchTx) ([]byte, error) {
		return a.pool.queries.MailResumeList(ctx, tx, asciiDomain(what), actor)
	}))
}

// Paused lists the pauses.
func (a *MailAdmin) Paused(ctx context.Context) ([]mail.Pause, error) {
	return adminRows[mail.Pause](a.pool.queries.MailPausedList(ctx, a.pool))
}

// Preview shows the content of a message, and is audited.
func (a *MailAdmin) Preview(ctx context.Context, message int64, actor string) ([]mail.Preview, error) {
	return adminRows[mail.Preview](a.change(ctx, func(tx *batchTx) ([]byte, error) {
		return a.pool.queries.MailPreviewList(ctx, tx, message, actor)
	}))
}

// Find lists mails, newest first.
func (a *MailAdmin) Find(ctx context.Context, s mail.Filter) ([]mail.Summary, error) {
	if mailbox, err := address.Mailbox(s.Recipient); err == nil {
		s.Recipient = mailbox
	}
	p := &dbsqlc.MailFindListParams{State: s.State, Category: s.Category, Recipient: s.Recipient, Before: s.Before, Portion: int32(s.Limit)} //nolint:gosec // at most 1000
	if p.Before == 0 {
		p.Before = 1<<63 - 1
	}
	return adminRows[mail.Summary](a.pool.queries.MailFindList(ctx, a.pool, p))
}

// Stuck lists mails that somebody should look at.
func (a *MailAdmin) Stuck(ctx context.Context, limit int) ([]mail.StuckMail, error) {
	return adminRows[mail.StuckMail](a.pool.queries.MailStuckList(ctx, a.pool, int32(limit))) //nolint:gosec // at most 1000
}

// Throughput gives the minutes of the last hour.
func (a *MailAdmin) Throughput(ctx context.Context) ([]mail.Throughput, error) {
	return adminRows[mail.Throughput](a.pool.queries.MailThroughputList(ctx, a.pool))
}

// Dead lists dead mails, the latest first, of one category or ("") of all.
func (a *MailAdmin) Dead(ctx context.Context, category string, limit int) ([]mail.DeadMail, error) {
	return adminRows[mail.DeadMail](a.pool.queries.MailDeadList(ctx, a.pool, category, int32(limit))) //nolint:gosec // at most 1000
}

// Audit lists the audited calls, the latest first.
func (a *MailAdmin) Audit(ctx context.Context, limit int) ([]mail.AuditEntry, error) {
	return adminRows[mail.AuditEntry](a.pool.queries.MailAuditList(ctx, a.pool, int32(limit))) //nolint:gosec // at most 1000
}

// Suppress writes to an address no more, until a moment or (nil) for ever.
func (a *MailAdmin) Suppress(ctx context.Context, recipient, scope, detail string, until *time.Time, actor string) ([]mail.Suppression, error) {
	return adminRows[mail.Suppression](a.change(ctx, func(tx *batchTx) ([]byte, error) {
		return a.pool.queries.MailSuppressList(ctx, tx, &dbsqlc.MailSuppressListParams{
			Address: recipient, AddressKey: addressKey(recipient), Scope: scope, Detail: detail, ExpiresAt: until, Actor: actor,
		})
	}))
}

// Unsuppress writes to an address again; no row where it was not suppressed.
func (a *MailAdmin) Unsuppress(ctx context.Context, recipient, actor string) ([]mail.Suppression, error) {
	return adminRows[mail.Suppression](a.change(ctx, func(tx *batchTx) ([]byte, error) {
		return a.pool.queries.MailUnsuppressList(ctx, tx, recipient, actor, addressKey(recipient))
	}))
}

// Suppressed lists suppressed addresses, or the rows of one.
func (a *MailAdmin) Suppressed(ctx context.Context, recipient string, limit int) ([]mail.Suppression, error) {
	key := addressKey(recipient)
	if recipient != "" && key == "" {
		return []mail.Suppression{}, nil
	}
	return adminRows[mail.Suppression](a.pool.queries.MailSuppressedList(ctx, a.pool, key, int32(limit))) //nolint:gosec // at most 1000
}

// addressKey is empty for what is no address, which SQL refuses by its name.
func addressKey(recipient string) string {
	key, err := address.Key(recipient)
	if err != nil {
		return ""
	}
	return key
}

// asciiDomain writes the domain of domain:x as A-labels.
func asciiDomain(what string) string {
	if given, yes := strings.CutPrefix(what, "domain:"); yes {
		if domain, err := address.Domain(given); err == nil {
			return "domain:" + domain
		}
	}
	return what
}

// change makes one audited call, in one round trip.
func (a *MailAdmin) change(ctx context.Context, call func(*batchTx) ([]byte, error)) ([]byte, error) {
	var list []byte
	err := a.pool.asActor(ctx, func(tx *batchTx) (err error) {
		list, err = call(tx.thenCommit())
		return err
	})
	return list, err
}

func adminRows[T any](list []byte, err error) ([]T, error) {
	if err != nil {
		return nil, adminError(err)
	}
	var rows []T
	if err := json.Unmarshal(list, &rows); err != nil {
		return nil, fmt.Errorf("mail: %w", err)
	}
	return rows, nil
}

// adminError gives a refusal as a sentence for the person at the command line.
func adminError(err error) error {
	pe, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return mapError(err)
	}
	switch pe.Code {
	case stateInsufficientPrivilege:
		return fmt.Errorf("this login has no right to that (%s): it must be a member of sespan_admin and sespan_reader_detail, or of the roles of these names with the installation's own prefix", pe.Message)
	case stateInvalidParameterValue, stateBadMail:
		return errors.New(pe.Message)
	}
	return mapError(err)
}
