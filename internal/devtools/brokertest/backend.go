package brokertest

import (
	"testing"

	"github.com/google/uuid"

	"sespan/internal/mail"
)

// Site is what keeps the cases apart at one broker.
type Site struct {
	Prefix       string // of every name: letters, digits and hyphens
	Installation uuid.UUID
}

// Backend is a way of dispatch.
type Backend struct {
	// Connect makes a client of its own of the broker, as another process has it. The suite
	// closes it. It waits for nothing. Nil: PostgreSQL alone dispatches.
	Connect func(tb testing.TB, s Site) mail.Broker
	// Cut makes the broker unreachable for all clients of the site, open connections too,
	// until restore is called. Nil: the cases with a broker that is away are left out.
	Cut func(tb testing.TB, s Site) (restore func())
}

// Run runs the suite.
func Run(t *testing.T, b Backend) {
	t.Helper()
	for name, test := range cases(b) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, b)
		})
	}
}

type testCase func(t *testing.T, b Backend)
