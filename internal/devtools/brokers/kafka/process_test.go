package kafka

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"sespan/internal/devtools/testbed"
	"sespan/internal/kafka"
	"sespan/internal/mail"
)

// A consumer in a process of its own is this binary again, with this variable: the
// addresses, a space, the prefix.
const consumerVariable = "KAFKA_TEST_CONSUMER"

func consumerAsked() bool { return os.Getenv(consumerVariable) != "" }

// consumeForParent prints the row of each delivery and acknowledges it, until its input ends.
func consumeForParent() int {
	addresses, prefix, _ := strings.Cut(os.Getenv(consumerVariable), " ")
	b, err := kafka.New(kafka.Options{
		Addresses: strings.Split(addresses, ","), Prefix: prefix, Installation: installation, Partitions: 6,
		Logger: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(), Roles: []mail.BrokerRole{mail.BrokerConsumer},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	c := b.Consume(ctx, mail.ConsumeOptions{Prefetch: 20})
	for {
		select {
		case d := <-c.Deliveries():
			fmt.Println(d.QueueID)
			_ = c.Ack(ctx, []mail.Delivery{d})
		case <-ctx.Done():
			return 0
		}
	}
}

// process is a consumer in a process of its own.
type process struct {
	cmd  *exec.Cmd
	rows chan string
}

func (s *site) process(t *testing.T) *process {
	t.Helper()
	cmd := exec.CommandContext(context.Background(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), consumerVariable+"="+strings.Join(s.options().Addresses, ",")+" "+s.prefix)
	cmd.Stderr = os.Stderr
	testbed.KillWithParent(cmd)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	p := &process{cmd, make(chan string, 100_000)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			p.rows <- lines.Text()
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-done
		_ = cmd.Wait()
	})
	return p
}

func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(s))
}
