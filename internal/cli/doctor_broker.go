package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"sespan/internal/app"
	"sespan/internal/config"
	"sespan/internal/mail"
	"sespan/internal/postgres"
)

// brokerWait is how long the broker may take to confirm an announcement.
const brokerWait = 3 * time.Second

// checkBroker looks at the broker as announcers and consumers need it, and at who works with it.
func (x *examination) checkBroker(ctx context.Context) []finding {
	b := &x.settings.Broker
	if b.Kind == "" {
		return unchecked("SESPAN_BROKER_URL is not set: the workers ask PostgreSQL which mails are next", "")
	}
	known, err := x.doctor().Broker(ctx)
	if err != nil {
		return failed(err)
	}
	if b.Prefix != "" && known.Prefix != "" && b.Prefix != known.Prefix {
		return wrong(fmt.Sprintf("SESPAN_BROKER_PREFIX is %q, and this installation's is %q", b.Prefix, known.Prefix),
			"leave SESPAN_BROKER_PREFIX out, or write "+known.Prefix+"; docs/brokers.md says how an installation gets another one")
	}
	known.Prefix = cmp.Or(known.Prefix, b.Prefix, "sespan")
	return append(x.tryBroker(ctx, known), judgeDispatch(b, known.Workers)...)
}

// tryBroker connects, has rights and topology looked at, and announces a mail that cannot exist.
func (x *examination) tryBroker(ctx context.Context, known postgres.BrokerState) []finding {
	broker, err := x.openBroker(known)
	if err != nil {
		return brokerError(err)
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), brokerWait)
		defer cancel()
		_ = broker.Close(closing) // nothing is under way
	}()
	if err := broker.Check(ctx); err != nil {
		return brokerError(err)
	}
	ctx, cancel := context.WithTimeout(ctx, brokerWait)
	defer cancel()
	begun := time.Now()
	err = broker.Publish(ctx, []mail.Announcement{nobody(known, x.now())})[0]
	switch took := time.Since(begun); {
	case errors.Is(err, mail.ErrReturned):
		return wrong("it has no queue for an announcement: somebody has deleted one, or its binding", "restart an announcer, which makes what is missing")
	case errors.Is(err, mail.ErrRefused):
		return wrong("it is there and takes no announcement: "+err.Error(), "have its operators look at memory, disk and replicas; mail goes on by the fallback")
	case errors.Is(err, context.DeadlineExceeded):
		return wrong(fmt.Sprintf("it has not confirmed an announcement within %s", brokerWait), "see its log, and whether enough of its nodes run")
	case err != nil:
		return brokerError(err)
	default:
		return append(well("%s at %s: rights and topology of %s.mail are right, an announcement was confirmed after %s",
			productOf(x.settings.Broker.Kind), strings.Join(x.settings.Broker.Addresses, ", "), known.Prefix, took.Round(100*time.Microsecond)),
			x.deadLetters(ctx, broker, known.Prefix)...)
	}
}

// clientOfBroker is a client that takes part in nothing.
func (x *examination) clientOfBroker(known postgres.BrokerState) (mail.Broker, error) {
	return app.Broker(app.BrokerOptions{
		Settings: x.settings.Broker, Prefix: known.Prefix, Installation: known.Installation, Logger: x.logger,
	})
}

// nobody is the announcement of a mail that cannot exist: who gets it looks for one row, finds none, and acknowledges.
func nobody(known postgres.BrokerState, now time.Time) mail.Announcement {
	const last = math.MaxInt64 / 1024 // the highest message_id that has room for its recipients
	return mail.Announcement{Installation: known.Installation, QueueID: last * 1024, Lane: mail.LaneBulk, At: now}
}

// buried is a broker that can tell how many dead letters it has.
type buried interface {
	DeadLetters(ctx context.Context) (int64, error)
}

// deadLetters are there where two installations share a prefix.
func (x *examination) deadLetters(ctx context.Context, broker mail.Broker, prefix string) []finding {
	b, ok := broker.(buried)
	if !ok {
		return nil
	}
	n, err := b.DeadLetters(ctx)
	switch {
	case err != nil:
		return unchecked("dead letters were not counted: "+err.Error(), "")
	case n > 0:
		return warning(fmt.Sprintf("%s in %s.mail.dead within a week: announcements of another installation, or none at all", count(int(n), "message", "messages"), prefix),
			"look at one (docs/brokers.md, Dead letters); where its source is another installation's, give one of the two a SESPAN_BROKER_PREFIX of its own")
	}
	return nil
}

// brokerError tells of an error whose text names the setting and, behind the last semicolon, what to do.
func brokerError(err error) []finding {
	if named, ok := errors.AsType[*config.Error](err); ok {
		return settingError(named)
	}
	text := strings.ReplaceAll(err.Error(), "\n", " | ")
	if i := strings.LastIndex(text, "; "); i > 0 {
		return wrong(text[:i], text[i+2:])
	}
	return wrong(text, "correct SESPAN_BROKER_URL, or see whether it runs")
}

func productOf(kind string) string {
	if kind == config.Kafka {
		return "Kafka"
	}
	return "RabbitMQ"
}

// judgeDispatch tells who announces and who sends by this broker.
func judgeDispatch(b *config.Broker, workers []postgres.DispatchWorkers) []finding {
	var announcers, waiting, senders, others int
	for _, w := range workers {
		switch {
		case w.Announcer && w.Dispatch == b.Kind:
			announcers += w.Live
			waiting += w.Waiting
		case w.Announcer:
		case w.Dispatch == b.Kind:
			senders += w.Live
		default:
			others += w.Live
		}
	}
	product := productOf(b.Kind)
	meanwhile := "; senders ask the database meanwhile"
	if !b.Fallback {
		meanwhile = "; mails wait, because SESPAN_BROKER_FALLBACK is none"
	}
	switch {
	case len(workers) == 0:
		return unchecked("no announcer and no sender has given a sign of life", "")
	case announcers == 0:
		return warning("no announcer to "+product+" lives"+meanwhile, "start sespan serve --run announce, or leave SESPAN_RUN out, with SESPAN_BROKER_URL set")
	case waiting == announcers:
		return warning("no announcer gets a confirmation from "+product+meanwhile, "their logs say why; sespan_mail_announce_results_total counts how")
	case senders == 0:
		return warning("no sender listens to "+product+": what is announced is claimed by nobody", "set SESPAN_BROKER_URL for the processes that run mail, and restart them")
	}
	text := fmt.Sprintf("%s and %s with %s live", count(announcers, "announcer", "announcers"), count(senders, "sender", "senders"), product)
	if waiting > 0 {
		return warning(fmt.Sprintf("%s; %d of the announcers get no confirmation", text, waiting), "the log of that process says why")
	}
	if others > 0 {
		text += fmt.Sprintf(", and %s without it, side by side", count(others, "sender", "senders"))
	}
	return well("%s", text)
}
