package brokertest_test

import (
	"os"
	"sync"
	"testing"

	"sespan/internal/devtools/brokertest"
	"sespan/internal/devtools/pgtest"
	"sespan/internal/mail"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

func TestPostgreSQLAlone(t *testing.T) {
	t.Parallel()
	brokertest.Run(t, brokertest.Backend{})
}

func TestBrokerInMemory(t *testing.T) {
	t.Parallel()
	brokertest.Run(t, inMemory())
}

func TestSwitches(t *testing.T) {
	t.Parallel()
	for name, pair := range map[string][2]brokertest.Backend{
		"PostgreSQL and a broker": {{}, inMemory()},
		"a broker and PostgreSQL": {inMemory(), {}},
		"two brokers":             {inMemory(), inMemory()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			brokertest.Switch(t, pair[0], pair[1])
		})
	}
}

// inMemory has a broker for each site.
func inMemory() brokertest.Backend {
	var brokers sync.Map // by prefix
	of := func(s brokertest.Site) *brokertest.Memory {
		m, _ := brokers.LoadOrStore(s.Prefix, brokertest.NewMemory())
		return m.(*brokertest.Memory) //nolint:forcetypeassert // nothing else is stored
	}
	return brokertest.Backend{
		Connect: func(_ testing.TB, s brokertest.Site) mail.Broker { return of(s).Client() },
		Cut:     func(_ testing.TB, s brokertest.Site) func() { return of(s).Cut() },
	}
}
