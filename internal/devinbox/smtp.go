package devinbox

import (
	"io"
	"log"
	"slices"
	"time"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"
)

func (i *Inbox) smtpServer() *gosmtp.Server {
	server := gosmtp.NewServer(gosmtp.BackendFunc(func(*gosmtp.Conn) (gosmtp.Session, error) {
		return &session{inbox: i}, nil
	}))
	server.Domain = "inbox.localhost"
	server.EnableSMTPUTF8, server.AllowInsecureAuth = true, true
	server.MaxMessageBytes, server.MaxRecipients = i.opts.MaxMessageBytes, 1000
	server.ReadTimeout, server.WriteTimeout = 5*time.Minute, time.Minute
	server.ErrorLog = log.New(io.Discard, "", 0)
	return server
}

// session accepts one mail after the other, with any password.
type session struct {
	inbox      *Inbox
	sender     string
	recipients []string
}

// AuthMechanisms offers what go-simple-mail tries first.
func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

// Auth accepts any user and password: a test of AUTH needs a server that offers it.
func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, _, _ string) error { return nil }), nil
}

// Mail begins a mail.
func (s *session) Mail(from string, _ *gosmtp.MailOptions) error {
	s.sender, s.recipients = from, nil
	return nil
}

// Rcpt accepts any recipient but those that the options refuse or defer.
func (s *session) Rcpt(to string, _ *gosmtp.RcptOptions) error {
	if refuse := s.inbox.opts.Refuse; refuse != nil && refuse.MatchString(to) {
		return &gosmtp.SMTPError{Code: 550, EnhancedCode: gosmtp.EnhancedCode{5, 1, 1}, Message: "No such user (as the inbox was told)"}
	}
	if later := s.inbox.opts.Defer; later != nil && later.MatchString(to) {
		return &gosmtp.SMTPError{Code: 451, EnhancedCode: gosmtp.EnhancedCode{4, 2, 1}, Message: "Try again later (as the inbox was told)"}
	}
	s.recipients = append(s.recipients, to)
	return nil
}

// Data keeps the mail.
func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if s.inbox.opts.Delay > 0 {
		time.Sleep(s.inbox.opts.Delay)
	}
	id := s.inbox.store.add(&entry{sender: s.sender, recipients: slices.Clone(s.recipients), raw: raw})
	s.inbox.opts.Logger.Debug("inbox: mail", "id", id, "to", s.recipients)
	return nil
}

// Reset drops the mail in progress.
func (s *session) Reset() { s.sender, s.recipients = "", nil }

// Logout has nothing to do.
func (s *session) Logout() error { return nil }
