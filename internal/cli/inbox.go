package cli

import (
	"context"
	"fmt"

	"sespan/internal/config"
	"sespan/internal/devinbox"
)

// Inbox is the command inbox.
type Inbox struct {
	SMTPAddr string   `default:"127.0.0.1:1025" env:"SESPAN_INBOX_SMTP_ADDR" help:"Where mail is taken."`
	HTTPAddr string   `default:"127.0.0.1:8025" env:"SESPAN_INBOX_HTTP_ADDR" help:"Where the page is served."`
	Hosts    []string `env:"SESPAN_INBOX_HOSTS" placeholder:"NAME,…" help:"Further host names under which the page may be opened; addresses and localhost always work."`
	Keep     int      `default:"500" env:"SESPAN_INBOX_KEEP" help:"How many mails are kept, in memory only."`
}

// Run runs the inbox until ctx ends.
func (c *Inbox) Run(ctx context.Context, e *Env) error {
	if c.Keep < 1 || c.Keep > 100_000 {
		return &config.Error{Variable: "SESPAN_INBOX_KEEP", Problem: "is out of its bounds", Hint: "choose 1 to 100000"}
	}
	box, err := devinbox.New(devinbox.Options{SMTPAddr: c.SMTPAddr, HTTPAddr: c.HTTPAddr, Hosts: c.Hosts, Keep: c.Keep, Logger: e.logger})
	if err != nil {
		return err
	}
	fmt.Fprintf(e.Err, "inbox: takes mail at %s, shows it at %s\n", box.SMTPAddr(), box.URL())
	return box.Run(ctx)
}
