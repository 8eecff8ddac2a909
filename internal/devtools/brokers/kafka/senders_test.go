package kafka

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"sespan/internal/devtools/kafkad"
	"sespan/internal/devtools/smtptest"
	"sespan/internal/devtools/testbed"
)

// arrivals counts the mails at the servers that answer, by recipient.
type arrivals struct {
	mu   sync.Mutex
	seen map[string]int
}

func (a *arrivals) add(recipient string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen[recipient]++
}

// of counts recipients whose names begin so.
func (a *arrivals) of(prefix string) (count int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for recipient := range a.seen {
		if strings.HasPrefix(recipient, prefix) {
			count++
		}
	}
	return count
}

// muteable is a way to a mail server that can fall silent: connections stand, new ones are
// taken, and nothing is answered.
type muteable struct {
	address string
	server  string

	mu     sync.Mutex
	mute   bool
	behind []net.Conn // to the server
	held   []net.Conn // from clients
}

func newMuteable(t *testing.T, server string) *muteable {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	m := &muteable{address: l.Addr().String(), server: server}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			m.take(&wg, conn)
		}
	})
	t.Cleanup(func() {
		m.silence()
		_ = l.Close()
		m.mu.Lock()
		for _, conn := range m.held {
			_ = conn.Close()
		}
		m.mu.Unlock()
		wg.Wait()
	})
	return m
}

func (m *muteable) take(wg *sync.WaitGroup, conn net.Conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held = append(m.held, conn)
	if m.mute {
		return
	}
	server, err := net.Dial("tcp", m.server)
	if err != nil {
		return
	}
	m.behind = append(m.behind, server)
	wg.Go(func() { _, _ = io.Copy(server, conn) })
	wg.Go(func() { _, _ = io.Copy(conn, server) })
}

// silence ends all answers.
func (m *muteable) silence() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mute = true
	for _, server := range m.behind {
		_ = server.Close()
	}
}

const (
	codeWithin = 10 * time.Second
	bulkWithin = 30*time.Second + 30*time.Second // and a lease
)

// Of the senders one is killed, one stopped, and one has a mail server that does not
// answer. There is no fallback: what arrives has come through Kafka.
func TestSendersThatFailHoldUpNoMail(t *testing.T) {
	t.Parallel()
	s := newSite(t, shared.Cluster(t))
	env, err := testbed.New(t.Context(), testbed.Options{Out: io.Discard, Binary: program.Env(t).Binary})
	require.NoError(t, err)
	t.Cleanup(env.Close)
	at := &arrivals{seen: map[string]int{}}
	sink := smtptest.NewSink(t, smtptest.SinkOptions{OnReceived: at.add})
	serve := func(parts, relay string) *testbed.Service {
		t.Helper()
		service, err := env.Serve(t.Context(), parts, "SESPAN_SMTP_URL=smtp://"+relay+"?tls=none", "SESPAN_BROKER_FALLBACK=none",
			"SESPAN_BROKER_URL=kafka://"+strings.Join(s.cluster.Addresses(kafkad.Plain), ","), "SESPAN_BROKER_PREFIX="+s.prefix, "SESPAN_KAFKA_PARTITIONS=8")
		require.NoError(t, err)
		return service
	}
	serve("announce", sink.Address)
	_, killed, stopped := serve("mail", sink.Address), serve("mail", sink.Address), serve("mail", sink.Address)
	mute := newMuteable(t, sink.Address)
	serve("mail", mute.address)
	s.members(t, 4)
	enqueue := func(name string, count, priority int) {
		t.Helper()
		_, err := env.Admin.Exec(t.Context(), `SELECT sespan.mail_enqueue(recipient => $1::text || n || '@example.com', subject => 'x', body_text => 'x', priority => $3::int::smallint)
			FROM generate_series(1, $2::int) n`, name, count, priority)
		require.NoError(t, err)
	}
	mute.silence()
	// Most of them go by the others at once. Those that the silent server has in a dialogue, and those
	// begun before its sender knows, come after one to three time-outs: the case "silent relay" of
	// make fault-broker waits for them.
	enqueue("early", 400, 9)
	s.members(t, 3) // the one whose server is silent has left

	require.NoError(t, syscall.Kill(killed.PID(), syscall.SIGKILL))
	require.NoError(t, syscall.Kill(stopped.PID(), syscall.SIGSTOP))
	t.Cleanup(func() { _ = syscall.Kill(stopped.PID(), syscall.SIGCONT) }) // so that it can end
	began := time.Now()
	enqueue("bulk", 200, 9)
	enqueue("code", 12, 0)
	arrive(t, at, "code", 12, codeWithin)
	t.Log("codes after", time.Since(began))
	arrive(t, at, "bulk", 200, bulkWithin-time.Since(began))
	t.Log("bulk after", time.Since(began))
}

func arrive(t *testing.T, at *arrivals, name string, count int, within time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for at.of(name) < count {
		select {
		case <-tick.C:
		case <-ctx.Done():
			require.FailNow(t, fmt.Sprintf("of %d mails to %s %d have arrived within %v", count, name, at.of(name), within))
		}
	}
}
