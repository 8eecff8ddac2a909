package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"sespan/internal/config"
	"sespan/internal/devtools/pgtest"
	"sespan/internal/mail"
	"sespan/internal/postgres"
)

// oneBroker answers a check and a publication as a test says.
type oneBroker struct {
	mail.Broker
	check, publish error
	dead           int64
	published      []mail.Announcement
	closed         bool
}

func (b *oneBroker) Check(context.Context) error { return b.check }

func (b *oneBroker) Publish(ctx context.Context, batch []mail.Announcement) []error {
	b.published = append(b.published, batch...)
	if errors.Is(b.publish, context.DeadlineExceeded) { // it never confirms
		<-ctx.Done()
		return []error{ctx.Err()}
	}
	return []error{b.publish}
}

func (b *oneBroker) DeadLetters(context.Context) (int64, error) { return b.dead, nil }

func (b *oneBroker) Close(context.Context) error { b.closed = true; return nil }

// withBroker looks with a broker that a test makes.
func withBroker(t *testing.T, db *pgtest.DB, b *oneBroker, kind, prefix string) string {
	t.Helper()
	x := examineDB(t, db)
	x.settings.Broker = config.Broker{Kind: kind, Addresses: []string{"mq.shop.co:5672"}, Prefix: prefix, Fallback: true}
	x.openBroker = func(postgres.BrokerState) (mail.Broker, error) { return b, nil }
	said := told(x.checkBroker(t.Context()))
	if len(b.published) > 0 && !b.closed {
		t.Error("the broker is left open")
	}
	return said
}

// A site without a broker hears one line, and nothing is asked of the database.
func TestDoctorWithoutABroker(t *testing.T) {
	t.Parallel()
	x := examineSettings(t)
	says(t, told(x.checkBroker(t.Context())), "not_checked: SESPAN_BROKER_URL is not set")
}

func TestDoctorTriesTheBroker(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	named := &config.Error{Variable: "SESPAN_BROKER_URL", Problem: "names a user that is not let in", Hint: "correct it"}
	for name, c := range map[string]struct {
		broker oneBroker
		want   string
		holds  []string
	}{
		"all well":        {oneBroker{}, "ok: RabbitMQ at mq.shop.co:5672: rights and topology of sespan.mail are right, an announcement was confirmed after ", []string{"\nnot_checked: no announcer and no sender"}},
		"a setting":       {oneBroker{check: fmt.Errorf("amqp: %w", named)}, "wrong: SESPAN_BROKER_URL names a user that is not let in → correct it", nil},
		"a line":          {oneBroker{check: errors.New("SESPAN_BROKER_URL: it speaks no TLS; write amqp://")}, "wrong: SESPAN_BROKER_URL: it speaks no TLS → write amqp://", nil},
		"a bare error":    {oneBroker{check: errors.New("EOF")}, "wrong: EOF → correct SESPAN_BROKER_URL", nil},
		"no queue":        {oneBroker{publish: mail.ErrReturned}, "wrong: it has no queue", []string{"restart an announcer"}},
		"refusing":        {oneBroker{publish: fmt.Errorf("%w: memory", mail.ErrRefused)}, "wrong: it is there and takes no announcement", []string{"memory", "fallback"}},
		"silent":          {oneBroker{publish: context.DeadlineExceeded}, "wrong: it has not confirmed an announcement within 3s", nil},
		"dead letters":    {oneBroker{dead: 2}, "ok: ", []string{"\nwarning: 2 messages in sespan.mail.dead", "SESPAN_BROKER_PREFIX"}},
		"one dead letter": {oneBroker{dead: 1}, "ok: ", []string{"\nwarning: 1 message in sespan.mail.dead"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			says(t, withBroker(t, db, &c.broker, config.AMQP, ""), c.want, c.holds...)
			if c.broker.check != nil && len(c.broker.published) > 0 {
				t.Error("it announced to a broker whose check had failed")
			}
		})
	}
}

// What the doctor announces is this installation's, can be read, and is of no mail that can be.
func TestDoctorAnnouncesNobody(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	b := &oneBroker{}
	withBroker(t, db, b, config.Kafka, "")
	if len(b.published) != 1 {
		t.Fatalf("%d announcements", len(b.published))
	}
	got, err := mail.DecodeAnnouncement(b.published[0].Encode())
	if err != nil {
		t.Fatal(err)
	}
	db.Exec(t, `SELECT sespan.mail_enqueue(recipient => 'a@b.co', subject => 's', body_text => 't')`)
	var ours bool
	err = db.Pool.QueryRow(t.Context(), `SELECT i.installation_uuid::text = $1 AND NOT EXISTS (SELECT FROM sespan.mail_queue q WHERE q.queue_id >= $2) FROM sespan.installation i`,
		got.Installation.String(), got.QueueID).Scan(&ours)
	if err != nil || !ours {
		t.Errorf("%+v: %v, %v", got, ours, err)
	}
}

func TestDoctorHoldsThePrefixAgainstTheSchema(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	says(t, withBroker(t, db, &oneBroker{}, config.AMQP, "shop"), "ok: RabbitMQ at mq.shop.co:5672: rights and topology of shop.mail")
	db.Exec(t, `UPDATE sespan.installation SET broker_prefix = 'shop'`)
	says(t, withBroker(t, db, &oneBroker{}, config.AMQP, ""), "ok: ", "topology of shop.mail")
	b := &oneBroker{}
	says(t, withBroker(t, db, b, config.AMQP, "other"), `wrong: SESPAN_BROKER_PREFIX is "other", and this installation's is "shop"`, "write shop")
	if len(b.published) > 0 {
		t.Error("it announced under a prefix that is not ours")
	}
}

// Who works with the broker, by the signs of life in the database.
func TestDoctorTellsWhoWorksWithTheBroker(t *testing.T) {
	t.Parallel()
	const row = `INSERT INTO sespan.mail_worker (worker_id, connections, listening, host, kind, dispatch, seen_at, waiting_since)
		VALUES ((random() * 1e15)::bigint, 4, true, 'h', '%s', '%s', now() - interval '%s', %s)`
	announcer := func(dispatch, seen, waiting string) string {
		return fmt.Sprintf(row, "announcer", dispatch, seen, waiting)
	}
	sender := func(dispatch, seen string) string { return fmt.Sprintf(row, "sender", dispatch, seen, "NULL") }
	db := pgtest.NewDB(t)
	const long = "now() - interval '10 s'"
	for name, c := range map[string]struct {
		rows []string
		want string
	}{
		"nobody":                {nil, "not_checked: no announcer and no sender"},
		"all well":              {[]string{announcer("amqp", "1 s", "NULL"), sender("amqp", "9 s"), sender("amqp", "9 s")}, "ok: 1 announcer and 2 senders with RabbitMQ live"},
		"side by side":          {[]string{announcer("amqp", "1 s", "NULL"), sender("amqp", "9 s"), sender("postgres", "9 s")}, "ok: 1 announcer and 1 sender with RabbitMQ live, and 1 sender without it"},
		"no announcer":          {[]string{sender("amqp", "9 s")}, "warning: no announcer to RabbitMQ lives; senders ask the database meanwhile"},
		"one that has vanished": {[]string{announcer("amqp", "9 s", "NULL"), sender("amqp", "9 s")}, "warning: no announcer to RabbitMQ lives"},
		"another broker's":      {[]string{announcer("kafka", "1 s", "NULL"), sender("amqp", "9 s")}, "warning: no announcer to RabbitMQ lives"},
		"unconfirmed":           {[]string{announcer("amqp", "1 s", long), sender("amqp", "9 s")}, "warning: no announcer gets a confirmation from RabbitMQ"},
		"a moment":              {[]string{announcer("amqp", "1 s", "now()"), sender("amqp", "9 s")}, "ok: "},
		"one of two":            {[]string{announcer("amqp", "1 s", long), announcer("amqp", "1 s", "NULL"), sender("amqp", "9 s")}, "warning: 2 announcers and 1 sender with RabbitMQ live; 1 of the announcers"},
		"nobody listens":        {[]string{announcer("amqp", "1 s", "NULL"), sender("postgres", "9 s")}, "warning: no sender listens to RabbitMQ"},
	} {
		db.Exec(t, `DELETE FROM sespan.mail_worker`)
		for _, r := range c.rows {
			db.Exec(t, r)
		}
		_, said, _ := strings.Cut(withBroker(t, db, &oneBroker{}, config.AMQP, ""), "\n")
		if !strings.HasPrefix(said, c.want) {
			t.Errorf("%s: %q\nwant it to begin with %q", name, said, c.want)
		}
	}
	got := told(judgeDispatch(&config.Broker{Kind: config.Kafka}, []postgres.DispatchWorkers{{Dispatch: "kafka", Live: 1}}))
	says(t, got, "warning: no announcer to Kafka lives; mails wait, because SESPAN_BROKER_FALLBACK is none")
}

// With the client that serve has: a Kafka that answers, and none.
func TestDoctorAsksKafka(t *testing.T) {
	t.Parallel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	x := examineDB(t, pgtest.NewDB(t))
	x.openBroker = x.clientOfBroker
	for address, want := range map[string]string{
		cluster.ListenAddrs()[0]: "ok: Kafka at " + cluster.ListenAddrs()[0] + ": rights and topology of sespan.mail are right",
		nowhere:                  "wrong: SESPAN_BROKER_URL: ",
	} {
		x.settings.Broker = config.Broker{Kind: config.Kafka, Addresses: []string{address}, Kafka: config.KafkaTopics{Partitions: 2, Retention: time.Hour}}
		says(t, told(x.checkBroker(t.Context())), want)
	}
}
