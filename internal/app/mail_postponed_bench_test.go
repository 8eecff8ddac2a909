package app

import (
	"fmt"
	"testing"
	"time"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/devtools/smtptest"
	"sespan/internal/mail"
	"sespan/internal/mail/ratelimit"
)

// BenchmarkPostponedMails puts 100,000 mails to a domain of 5 a second before 500 to
// others, and tells when the others are through and what the postponed ones cost then:
//
//	go test -run '^$' -bench PostponedMails -benchtime 1x ./internal/app
func BenchmarkPostponedMails(b *testing.B) {
	const postponed, others, watched = 100_000, 500, 20 * time.Second
	db := pgtest.NewDB(b)
	r := startMailServer(b, smtptest.Options{})
	for k := range postponed / 1000 {
		enqueueTo(b, db, "retry", numbered(fmt.Sprintf("m%d-%%d@slow.example", k), 1000)...)
	}
	enqueueTo(b, db, "retry", numbered("n%d@other.example", others)...)
	updates := func() (n int) {
		if err := db.Pool.QueryRow(b.Context(), "SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'mail_queue'").Scan(&n); err != nil {
			b.Fatal(err)
		}
		return n
	}
	b.ResetTimer()
	begin := time.Now()
	deliverTo(b, db, func(c *mail.WorkerConfig) {
		c.Limits = ratelimit.Limits{Domains: map[string]float64{"slow.example": 5}}
	}, r)
	for came := 0; came < others; {
		if to := <-r.answered; to[0] == 'n' {
			came++
		}
	}
	b.ReportMetric(time.Since(begin).Seconds(), "s/neighbours")
	settle := time.NewTimer(20 * time.Second) // the statistics of PostgreSQL are behind
	<-settle.C
	before := updates()
	<-time.After(watched)
	b.ReportMetric(float64(updates()-before)/watched.Seconds(), "updates/s")
	begin = time.Now()
	enqueueTo(b, db, "retry", "late@other.example")
	for to := range r.answered {
		if to == "late@other.example" {
			break
		}
	}
	b.ReportMetric(float64(time.Since(begin).Microseconds())/1000, "ms/late-neighbour")
}
