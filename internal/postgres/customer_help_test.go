package postgres_test

import (
	"testing"
	"time"

	"sespan/internal/devtools/pgtest"
	"sespan/internal/otp"
	"sespan/internal/problem"
)

// The page for a customer who is not let in tells the limit of wrong codes that the service
// keeps, which is none of the database's own.
func TestHelpTellsTheServicesLimitOfWrongCodes(t *testing.T) {
	t.Parallel()
	d := newOTPFixture(t, otpOptions{})
	issued := d.register(t, pgtest.AddRegistering(t, d.db, "a@example.com"))
	refused(t, d.verify(t, issued.ChallengeID, wrong(d.mails(t)...)), problem.OTPIncorrect)
	var used, most int
	var seconds float64
	err := d.db.Pool.QueryRow(t.Context(), `SELECT used, most, extract(epoch FROM period)::float8
		FROM sespan.customer_help_budgets('a@example.com') WHERE scope LIKE 'codes%'`).Scan(&used, &most, &seconds)
	if err != nil {
		t.Fatal(err)
	}
	if want := otp.DefaultLimits(time.Minute).GuessesPerHour; used != 1 || most != want || seconds != 3600 {
		t.Errorf("%d of %d in %v s, want 1 of %d in an hour", used, most, seconds, want)
	}
}
