package app

import (
	"context"
	"errors"
	"testing"
	"time"

	"sespan/internal/config"
	"sespan/internal/devtools/pgtest"
	"sespan/internal/devtools/poll"
	"sespan/internal/devtools/smtptest"
)

// A broker that is away stops nothing: the announcer says so, and mails go by the fallback.
func TestServeWithABrokerThatIsAway(t *testing.T) {
	t.Parallel()
	relay := startMailServer(t, smtptest.Options{})
	s := serve(t, "--run=api,mail,announce,maintenance", "--broker-url=amqp://127.0.0.1:1", "--broker-prefix=shop.test",
		"--mail-from=Shop <no-reply@shop.example>", "--smtp-url=smtp://"+relay.Address+"?tls=none")
	s.until(t, "the announcer gives a sign of life", "count(*) = 1 FROM sespan.mail_worker WHERE kind = 'announcer' AND dispatch = 'amqp'")
	s.until(t, "the schema knows the prefix", "broker_prefix = 'shop.test' FROM sespan.installation")
	s.db.Exec(t, "SELECT sespan.mail_enqueue(recipient => 'sari@example.com', body_text => 'x')")
	s.until(t, "the mail is sent", "count(*) = 1 FROM sespan.mail_outcome WHERE state = 'sent'")
}

func (s *running) until(t *testing.T, what, condition string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := poll.Until(ctx, 20*time.Millisecond, func() (there bool, err error) {
		err = s.db.Pool.QueryRow(ctx, "SELECT "+condition).Scan(&there)
		return there, err
	}); err != nil {
		t.Fatalf("%s: %v\n%s", what, err, s.log)
	}
}

// Two names at the broker for one queue would lose mails between them.
func TestServeRefusesAnotherPrefix(t *testing.T) {
	t.Parallel()
	db := pgtest.NewDB(t)
	db.Exec(t, "UPDATE sespan.installation SET broker_prefix = 'shop'")
	s := &running{t: t, db: db, addr: freeAddress(t), log: &serveLog{ready: make(chan struct{})}}
	err := New(s.options([]string{"--run=api,announce", "--broker-url=kafka://127.0.0.1:1", "--broker-prefix=store"})).Run(t.Context())
	setting, ok := errors.AsType[*config.Error](err)
	if !ok || setting.Variable != "SESPAN_BROKER_PREFIX" {
		t.Errorf("it ended with %v", err)
	}
}
