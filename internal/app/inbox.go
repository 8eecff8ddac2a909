package app

import (
	"context"
	"fmt"

	"sespan/internal/config"
	"sespan/internal/devinbox"
)

func (e *env) inbox(ctx context.Context) error {
	c := e.cli.Inbox
	if c.Keep < 1 || c.Keep > 100_000 {
		return &config.Error{Variable: "SESPAN_INBOX_KEEP", Problem: "is out of its bounds", Mend: "choose 1 to 100000"}
	}
	box, err := devinbox.New(devinbox.Options{SMTPAddr: c.SMTPAddr, HTTPAddr: c.HTTPAddr, Hosts: c.Hosts, Keep: c.Keep, Logger: e.logger})
	if err != nil {
		return err
	}
	fmt.Fprintf(e.Err, "inbox: takes mail at %s, shows it at %s\n", box.SMTPAddr(), box.URL())
	return box.Run(ctx)
}
