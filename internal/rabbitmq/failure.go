package rabbitmq

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"

	"sespan/internal/mail"
)

// failure is one line for the operator: which address, what is wrong, what to do.
type failure struct {
	text     string
	cause    error
	settings bool // waiting does not mend it
}

func (f *failure) Error() string { return f.text }

func (f *failure) Unwrap() []error {
	if f.settings {
		return []error{f.cause, mail.ErrBrokerSettings}
	}
	return []error{f.cause}
}

const alertByte = 0x15 // the first of a TLS record that says what is wrong

// explain turns the failure of a connection into a line that names the setting and the mend.
func (b *Broker) explain(address string, w *wire, err error) error {
	line := func(settings bool, problem, mend string) error {
		return &failure{
			text: fmt.Sprintf("SESPAN_BROKER_URL: RabbitMQ at %s: %s; %s", address, problem, mend), cause: err, settings: settings,
		}
	}
	if problem, mend := b.explainTLS(w, err); problem != "" {
		return line(true, problem, mend)
	}
	var shape *topologyError
	var old *versionError
	switch {
	case errors.As(err, &shape):
		problem, mend := b.explainTopology(shape)
		settings := answer(err) == amqp.AccessRefused || answer(err) == amqp.PreconditionFailed || answer(err) == amqp.NotFound
		return line(settings, problem, mend)
	case errors.As(err, &old):
		return line(true, old.Error(), "update it, or name another broker")
	case errors.Is(err, context.DeadlineExceeded):
		return line(false, "no answer within "+attemptTimeout.String(), "see whether it runs and the port is that of AMQP")
	case errors.Is(err, amqp.ErrCredentials), errors.Is(err, amqp.ErrSASL), answer(err) == amqp.AccessRefused:
		return line(true, fmt.Sprintf("user %q or the password is refused", b.o.User),
			"correct them (user guest is let in from the broker's own machine alone)")
	case errors.Is(err, amqp.ErrVhost), answer(err) == amqp.NotAllowed, answer(err) == amqp.InvalidPath:
		return line(true, fmt.Sprintf("virtual host %q is not there, or not for user %q", b.o.VHost, b.o.User),
			"correct what follows the addresses, or give the rights: rabbitmqctl set_permissions -p "+b.o.VHost+" "+b.o.User+" …")
	case errors.Is(err, amqp.ErrFrame), errors.Is(err, amqp.ErrFrameTooLarge):
		return line(false, "what answers speaks no AMQP 0.9.1", "name the port of AMQP, 5672 or 5671 (with TLS) by default")
	case w == nil:
		return line(false, "cannot be reached ("+reason(err)+")", "see whether it runs and the address is right")
	}
	return line(false, reason(err), "see whether it is RabbitMQ that listens there, and its log")
}

// explainTLS gives what is wrong between the two ends' ideas of TLS, or nothing.
func (b *Broker) explainTLS(w *wire, err error) (problem, mend string) {
	var header tls.RecordHeaderError
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &header):
		return "it speaks no TLS", "write amqp:// instead of amqps://, or name the port of TLS"
	case errors.As(err, &unknown):
		return "its certificate is signed by an authority that is not trusted", "set SESPAN_BROKER_CA_FILE to the authority's certificate"
	case errors.As(err, &name), errors.As(err, &invalid):
		return "its certificate is not good: " + reason(err), "use a name that is in the certificate, or renew it"
	case b.o.TLS == nil && w != nil && w.first.Load() == alertByte:
		return "it speaks TLS", "write amqps:// instead of amqp://, or name the port without TLS"
	case b.o.TLS != nil && (strings.Contains(err.Error(), "tls: ") || w != nil && w.asked.Load() && unheard(err)):
		if len(b.o.TLS.Certificates) == 0 {
			return "it refuses the connection without a client's certificate (" + reason(err) + ")",
				"set SESPAN_BROKER_CERT_FILE and SESPAN_BROKER_KEY_FILE"
		}
		return "it does not take the client's certificate (" + reason(err) + ")", "set SESPAN_BROKER_CERT_FILE to one that its authority has signed"
	}
	return "", ""
}

// unheard tells whether the connection ended before the broker said a word: with TLS 1.3 that is how it refuses a client
// without a certificate, and its alert may be lost on the way.
func unheard(err error) bool {
	for _, heard := range []error{amqp.ErrCredentials, amqp.ErrSASL, amqp.ErrVhost, context.DeadlineExceeded} {
		if errors.Is(err, heard) {
			return false
		}
	}
	return answer(err) == 0 && !errors.As(err, new(*topologyError)) && !errors.As(err, new(*versionError))
}

// explainTopology says what stands in the way of a declaration.
func (b *Broker) explainTopology(e *topologyError) (problem, mend string) {
	kind, name, _ := strings.Cut(e.what, " ")
	if errors.Is(e.err, errNoAnswer) {
		return e.what + " does not answer", "see whether most of its nodes run; one that is lost for good is deleted (rabbitmqctl delete_queue -p " +
			b.o.VHost + " " + name + ") and made anew"
	}
	switch answer(e.err) {
	case amqp.PreconditionFailed:
		command := fmt.Sprintf("rabbitmqctl delete_queue -p %s %s", b.o.VHost, name)
		if kind == "exchange" {
			command = "in RabbitMQ's management"
		}
		return fmt.Sprintf("%s is of another kind (%s)", e.what, reason(e.err)),
			"delete it (" + command + "): it is made anew, and what lay in it is announced again"
	case amqp.AccessRefused:
		return fmt.Sprintf("user %q may not see %s", b.o.User, e.what),
			fmt.Sprintf(`give the rights that docs/brokers.md lists: rabbitmqctl set_permissions -p %s %s '^%[3]s\.mail.*' '^%[3]s\.mail.*' '^%[3]s\.mail.*'`,
				b.o.VHost, b.o.User, b.o.Prefix)
	case amqp.NotFound:
		return fmt.Sprintf("%s is not there, and user %q may not make it", e.what, b.o.User),
			"make it as docs/brokers.md says, or give the user the right to configure it"
	}
	return fmt.Sprintf("%s cannot be made or seen (%s)", e.what, reason(e.err)), "see RabbitMQ's log"
}

// reason is what an error says, without the library's frame round it.
func reason(err error) string {
	var lost *lostError
	var e *amqp.Error
	switch {
	case errors.As(err, &lost):
		return lost.why.Error()
	case errors.As(err, &e):
		return e.Reason
	}
	return err.Error()
}

// lostError is what the library made of why nothing came any more.
type lostError struct{ err, why error }

func (e *lostError) Error() string   { return e.why.Error() }
func (e *lostError) Unwrap() []error { return []error{e.err, e.why} }

// versionError is of a broker that cannot do what is needed.
type versionError struct{ product, version string }

func (e *versionError) Error() string {
	return fmt.Sprintf("%s %s is not RabbitMQ 3.10 or newer", e.product, e.version)
}
