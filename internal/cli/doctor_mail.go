package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"sespan/internal/app"
	"sespan/internal/mail"
	"sespan/internal/smtp"
)

const noMail = "this process sends no mail (SESPAN_RUN)"

// certificateSoon is early enough to renew a certificate.
const certificateSoon = 21 * 24 * time.Hour

// checkRelays speaks with every relay as far as a mail would, so that a fail-over is
// known to work before it is needed.
func (x *examination) checkRelays(ctx context.Context) []finding {
	s := &x.settings.Settings
	switch {
	case !x.settings.Runs("mail"):
		return unchecked(noMail, "")
	case s.SMTPURL == "":
		return wrong("SESPAN_SMTP_URL is not set; no mail can be sent", "set it, or leave mail out of SESPAN_RUN")
	}
	relays, err := app.Relays(s, nil, nil, nil)
	if err != nil {
		return settingError(err)
	}
	defer relays.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing is under way
	all := relays.All()
	findings := make([][]finding, len(all))
	var wg sync.WaitGroup
	for i, relay := range all {
		wg.Go(func() {
			dialogue, err := relay.Inspect(ctx)
			findings[i] = judgeRelay(relay.Address(), dialogue, err, x.now())
		})
	}
	wg.Wait()
	return slices.Concat(findings...)
}

func judgeRelay(address string, d smtp.Dialogue, err error, now time.Time) []finding {
	if err != nil {
		return wrong(address+" does not take mail: "+err.Error(), mendRelay(err))
	}
	text := address + " takes mail, " + d.TLS
	if d.TLS == "" {
		text = address + " takes mail, in clear"
	}
	if d.Authenticated {
		text += ", logged in"
	}
	left := d.CertificateEnds.Sub(now)
	switch {
	case d.TLS == "" && !d.Loopback:
		return warning(text+": whoever is on the way reads codes", "add tls=starttls (port 587) or tls=implicit (465) to its URL in SESPAN_SMTP_URL")
	case d.TLS != "" && left < certificateSoon:
		return warning(fmt.Sprintf("%s; its certificate ends in %.0f days, at %s, and from then on it gets no mail", text, left.Hours()/24, timestampOrNever(d.CertificateEnds)),
			"have the certificate renewed; a fail-over in SESPAN_SMTP_URL goes on meanwhile")
	case d.TLS != "":
		text += fmt.Sprintf(", certificate until %s", d.CertificateEnds.UTC().Format(time.DateOnly))
	}
	return well("%s", text)
}

// mendRelay says what to do about a dialogue that ended early, by the phase that failed.
func mendRelay(err error) string {
	failure, ok := errors.AsType[*mail.SendError](err)
	if !ok {
		return ""
	}
	if strings.Contains(err.Error(), "offers no STARTTLS") {
		return "tls=implicit where that port speaks TLS from the first byte (465 does), tls=none only on a network that you trust; else ask its operator for TLS"
	}
	switch failure.Reason {
	case "connect", "timeout", "closed":
		return "see that it runs, and that a firewall lets this machine to host and port of SESPAN_SMTP_URL (587 and 465 are often open where 25 is not)"
	case "tls":
		return "the certificate must be valid, bear the host's name of SESPAN_SMTP_URL, and be issued by whom this machine trusts (SESPAN_SMTP_CA_FILE for a private one); tls=implicit is for port 465, tls=starttls for 587"
	case "auth":
		return "correct user and password in SESPAN_SMTP_URL (percent-encoded), or ask for the right to send with them"
	case "greeting":
		return "it is no SMTP server, speaks TLS from the first byte (tls=implicit), or refuses this machine's address"
	}
	return "the relay's answer says why"
}
