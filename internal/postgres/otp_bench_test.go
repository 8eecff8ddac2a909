package postgres_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"sespan/internal/otp"
	"sespan/internal/secret"
)

// benchOTP has n new customers and, where issued, a challenge with its code for each.
func benchOTP(b *testing.B, n int, issued bool) (d *otpFixture, challenges []uuid.UUID, codes []string) {
	b.Helper()
	d = newOTPFixture(b, otpOptions{conns: 8})
	d.db.Exec(b, `INSERT INTO public.auth_user (username, email, is_active) SELECT 'u' || i, 'u' || i || '@example.com', false
		FROM generate_series(1, $1::int) AS i`, n)
	d.db.Exec(b, `ANALYZE`)
	if !issued {
		return d, nil, nil
	}
	for i := range n {
		challenges = append(challenges, d.register(b, int64(i+1)).ChallengeID)
	}
	rows, err := d.db.Pool.Query(b.Context(), `SELECT m.sealed FROM sespan.mail_message AS m JOIN sespan.otp AS o USING (message_id) ORDER BY o.customer_id`)
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var sealed []byte
		if err := rows.Scan(&sealed); err != nil {
			b.Fatal(err)
		}
		codes = append(codes, d.codeIn(b, sealed))
	}
	return d, challenges, codes
}

func BenchmarkOTPIssue(b *testing.B) {
	d, _, _ := benchOTP(b, b.N, false)
	var next atomic.Int64
	b.SetParallelism(4)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			id := next.Add(1)
			if _, err := d.Issue(context.Background(), otp.Request{CustomerID: &id, Purpose: otp.Registration}); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkOTPVerify(b *testing.B) {
	d, challenges, codes := benchOTP(b, b.N, true)
	var next atomic.Int64
	b.SetParallelism(4)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := next.Add(1) - 1
			if _, err := d.Verify(context.Background(), challenges[i], codes[i], ""); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkOTPMail is what a code costs before it reaches the database.
func BenchmarkOTPMail(b *testing.B) {
	ring, err := secret.Parse(secret.Generate("a"))
	if err != nil {
		b.Fatal(err)
	}
	m, err := otp.NewMailer(otp.MailerOptions{Site: "Toko", Life: 10 * time.Minute, Link: "https://shop.example/code/"})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		msg, err := m.Render(otp.Registration, "en", "c", "123456")
		if err != nil {
			b.Fatal(err)
		}
		ring.Seal(secret.LabelMail, "", fmt.Append(nil, msg.Text, msg.HTML))
	}
}
