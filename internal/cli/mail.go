package cli

import (
	"context"
	"regexp"
	"time"

	"sespan/internal/config"
	"sespan/internal/postgres"
)

// Mail is the command mail: what people ask of the mail queue and do to it, with
// their own database login.
type Mail struct {
	Status     MailStatus     `cmd:"" help:"How many mails wait, by state, and what is paused."`
	List       MailList       `cmd:"" help:"List mails, the newest first."`
	Why        MailWhy        `cmd:"" help:"Why a mail is not sent yet, or what became of it."`
	Retry      MailRetry      `cmd:"" help:"Send mails again: dead ones whose body is kept, unknown ones, and retries at once."`
	Cancel     MailCancel     `cmd:"" help:"Take mails out of the queue; what is being sent now is passed by."`
	Pause      MailPause      `cmd:"" help:"Stop sending: all mails, a category or a domain."`
	Resume     MailResume     `cmd:"" help:"End a pause."`
	Stuck      MailStuck      `cmd:"" help:"Mails that need a look: undecided, abandoned, overdue, parked for a day."`
	Throughput MailThroughput `cmd:"" help:"Mails by minute of the last hour."`
	Dead       MailDead       `cmd:"" help:"Dead mails, the latest first."`
	Preview    MailPreview    `cmd:"" help:"What a mail says; never a sealed or wiped body. The look is audited."`
	Audit      MailAudit      `cmd:"" help:"Who did what to the queue."`
	Suppress   MailSuppress   `cmd:"" help:"Write to an address no more."`
	Unsuppress MailUnsuppress `cmd:"" help:"Write to an address again."`
	Suppressed MailSuppressed `cmd:"" help:"Addresses that are not written to."`

	Actor string `env:"SESPAN_ACTOR" placeholder:"NAME" help:"Who does it, for the audit; the user of the operating system without it."`
	JSON  bool   `name:"json" help:"Print rows as JSON."`
	config.Database
}

// MailLimit bounds a list.
type MailLimit struct {
	Limit int `default:"50" help:"Largest number of rows, up to 1000."`
}

var actorPattern = regexp.MustCompile(`^[^[:cntrl:]]{1,200}$`)

// Resolve finds the database and who is at work.
func (m *Mail) Resolve() error {
	if err := m.Database.Resolve(); err != nil {
		return err
	}
	if m.Actor == "" {
		m.Actor = osUser()
	}
	if !actorPattern.MatchString(m.Actor) {
		return &config.Error{Variable: "SESPAN_ACTOR", Problem: "is not one line of 1 to 200 characters", Hint: "give a name"}
	}
	for _, limit := range []int{m.Stuck.Limit, m.Dead.Limit, m.Audit.Limit, m.Suppressed.Limit, m.List.Limit} {
		if limit < 1 || limit > 1000 {
			return &config.Error{Variable: "--limit", Problem: "is out of its bounds", Hint: "choose 1 to 1000"}
		}
	}
	if m.Suppress.For != nil && *m.Suppress.For <= 0 {
		return &config.Error{Variable: "--for", Problem: "is no time to come", Hint: "give a duration such as 720h, or leave it out for ever"}
	}
	return nil
}

// open opens the database with the person's own login. What a person asks may take
// longer than a request of the service. The name of the connection must not begin
// with "sespan mail": that is how the database knows a worker.
func (m *Mail) open(ctx context.Context, do func(*postgres.MailAdmin) error) error {
	if err := m.Resolve(); err != nil {
		return err
	}
	o := postgres.Options{ApplicationName: "sespan admin", StatementTimeout: time.Minute, LockTimeout: lockTimeout}
	return withDatabase(ctx, &m.Database, o, func(pool *postgres.Pool) error { return do(postgres.NewMailAdmin(pool)) })
}
