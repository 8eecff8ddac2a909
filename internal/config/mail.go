package config

import (
	"os/user"
	"regexp"
	"time"
)

// Mail is the command mail: what people ask of the mail queue and do to it, with
// their own database login.
type Mail struct {
	Status     struct{}   `cmd:"" help:"How many mails wait, by state, and what is paused."`
	List       MailList   `cmd:"" help:"List mails, the newest first."`
	Why        MailOne    `cmd:"" help:"Why a mail is not sent yet, or what became of it."`
	Retry      MailChoice `cmd:"" help:"Send mails again: dead ones whose body is kept, unknown ones, and retries at once."`
	Cancel     MailChoice `cmd:"" help:"Take mails out of the queue; what is being sent now is passed by."`
	Pause      MailPause  `cmd:"" help:"Stop sending: all mails, a category or a domain."`
	Resume     MailPause  `cmd:"" help:"End a pause."`
	Stuck      MailLimit  `cmd:"" help:"Mails that need a look: undecided, abandoned, overdue, parked for a day."`
	Throughput struct{}   `cmd:"" help:"Mails by minute of the last hour."`
	Dead       struct {
		Category string `placeholder:"NAME" help:"Only of this category."`
		MailLimit
	} `cmd:"" help:"Dead mails, the latest first."`
	Preview  MailOne   `cmd:"" help:"What a mail says; never a sealed or wiped body. The look is audited."`
	Audit    MailLimit `cmd:"" help:"Who did what to the queue."`
	Suppress struct {
		Address string         `arg:"" help:"A bare e-mail address."`
		Scope   string         `enum:"all,except_codes,bulk" default:"all" help:"all mails, all but codes (except_codes), or mails with a List-Unsubscribe header (bulk)."`
		For     *time.Duration `placeholder:"DURATION" help:"For how long, such as 720h; for ever without it."`
		Detail  string         `help:"A remark for whoever looks at it later."`
	} `cmd:"" help:"Write to an address no more."`
	Unsuppress struct {
		Address string `arg:"" help:"A bare e-mail address."`
	} `cmd:"" help:"Write to an address again."`
	Suppressed struct {
		Address string `arg:"" optional:"" help:"Only this address."`
		MailLimit
	} `cmd:"" help:"Addresses that are not written to."`

	Actor string `env:"SESPAN_ACTOR" placeholder:"NAME" help:"Who does it, for the audit; the user of the operating system without it."`
	JSON  bool   `name:"json" help:"Print rows as JSON."`
	Database
}

// MailOne names one mail.
type MailOne struct {
	ID int64 `arg:"" help:"The mail's id, as mail_enqueue answered it."`
}

// MailLimit bounds a list.
type MailLimit struct {
	Limit int `default:"50" help:"Largest number of rows, up to 1000."`
}

// MailList chooses mails to look at.
type MailList struct {
	State     string `enum:"any,queued,scheduled,sending,retry,unknown,dead,expired,suppressed,cancelled,sent" default:"any" help:"Only with a recipient in this state."`
	Category  string `placeholder:"NAME" help:"Only of this category."`
	Recipient string `placeholder:"TEXT" help:"Only with a recipient that begins so."`
	Before    int64  `placeholder:"ID" help:"Only with an id below this: the next page."`
	MailLimit
}

// MailChoice chooses mails to change: by id, or all in a state or of a category.
type MailChoice struct {
	IDs      []int64 `arg:"" optional:"" name:"id" help:"Ids of mails."`
	Dead     bool    `help:"All dead mails; the same as --state dead."`
	State    string  `enum:"any,queued,scheduled,retry,unknown,dead" default:"any" help:"All mails with a recipient in this state."`
	Category *string `placeholder:"NAME" help:"All mails of this category that wait or are dead, or those of the chosen state."`
}

// MailPause names what is paused.
type MailPause struct {
	What string `arg:"" help:"all, category:NAME or domain:NAME."`
}

// anyState is what --state says when it is not given. An empty one is refused.
const anyState = "any"

var actorPattern = regexp.MustCompile(`^[^[:cntrl:]]{1,200}$`)

// Resolve finds the database and who is at work.
func (m *Mail) Resolve() error {
	if err := m.Database.Resolve(); err != nil {
		return err
	}
	if m.Actor == "" {
		m.Actor = "unknown"
		if u, err := user.Current(); err == nil {
			m.Actor = u.Username
		}
	}
	if !actorPattern.MatchString(m.Actor) {
		return wrong("SESPAN_ACTOR", "is not one line of 1 to 200 characters", "give a name")
	}
	for _, limit := range []int{m.Stuck.Limit, m.Dead.Limit, m.Audit.Limit, m.Suppressed.Limit, m.List.Limit} {
		if limit < 1 || limit > 1000 {
			return wrong("--limit", "is out of its bounds", "choose 1 to 1000")
		}
	}
	if m.Suppress.For != nil && *m.Suppress.For <= 0 {
		return wrong("--for", "is no time to come", "give a duration such as 720h, or leave it out for ever")
	}
	return nil
}

// Chosen is the state to look for, "" for any.
func (l *MailList) Chosen() string { return named(l.State) }

func named(state string) string {
	if state == anyState {
		return ""
	}
	return state
}

// Check tells whether mails are chosen, and in one way only, and which: "" is any
// state, any category. An empty category is refused: it stands for a variable that
// was not set, and must not choose the mails of all.
func (c *MailChoice) Check() (state, category string, err error) {
	state = named(c.State)
	if c.Dead {
		if state != "" && state != "dead" {
			return "", "", wrong("--state", "contradicts --dead", "give one of the two")
		}
		state = "dead"
	}
	if c.Category != nil {
		if category = *c.Category; category == "" {
			return "", "", wrong("--category", "is empty", "name a category, or leave it out")
		}
	}
	chosen := state != "" || category != ""
	switch {
	case len(c.IDs) > 0 && chosen:
		err = wrong("the ids", "came together with --dead, --state or --category", "give one of the two")
	case len(c.IDs) == 0 && !chosen:
		err = wrong("the ids", "are missing", "name mails, or choose them by --dead, --state or --category")
	}
	return state, category, err
}
