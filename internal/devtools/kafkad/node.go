package kafkad

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"sespan/internal/devtools/testbed"
)

// Listener of a node.
type Listener string

// The listeners.
const (
	Plain   Listener = "PLAINTEXT" // whoever comes by it may do everything
	SASL    Listener = "SASL"
	WithTLS Listener = "TLS" // asks for a client's certificate
	SASLTLS Listener = "SASLTLS"
	Outside Listener = "OUTSIDE" // as Plain, at the address that Options.Advertise gives
)

const startTimeout = 180 * time.Second

// Node is one broker, which is a controller too.
type Node struct {
	cluster    *Cluster
	id         int
	folder     string
	controller string
	addresses  map[string]string
	advertised string // of Outside

	mu      sync.Mutex
	process *exec.Cmd     // nil: it does not run
	gone    chan struct{} // closed when the process has ended
	output  tail
}

func (n *Node) file(name string) string { return filepath.Join(n.folder, name) }

// java runs a class of the broker with little memory, less of it for each of several.
func (n *Node) java(ctx context.Context, class string, args ...string) *exec.Cmd {
	heap := "-Xmx384m"
	if len(n.cluster.Nodes) > 1 {
		heap = "-Xmx256m"
	}
	all := append([]string{
		"-Xms96m", heap, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dlog4j2.configurationFile=" + n.file("log4j2.properties"),
		"-cp", filepath.Join(n.cluster.options.Jars, "*"), class,
	}, args...)
	cmd := exec.CommandContext(ctx, "java", all...) //nolint:gosec // classes of this package, files of this folder
	cmd.Dir = n.folder
	return cmd
}

// format makes the data's folder, once.
func (n *Node) format(ctx context.Context) error {
	args := []string{"format", "-t", clusterID, "-c", n.file("server.properties")}
	for _, u := range n.cluster.options.Users {
		for _, scram := range []string{"SCRAM-SHA-256", "SCRAM-SHA-512"} {
			args = append(args, "--add-scram", fmt.Sprintf("%s=[name=%s,password=%s]", scram, u.Name, u.Password))
		}
	}
	if out, err := n.java(ctx, "kafka.tools.StorageTool", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("kafkad: format: %w: %s", err, out)
	}
	return nil
}

// Start starts the node, for the first time or again, and waits until it serves.
func (n *Node) Start(ctx context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.process != nil {
		return errors.New("kafkad: the node runs already")
	}
	cmd := n.java(context.WithoutCancel(ctx), "kafka.Kafka", n.file("server.properties"))
	testbed.KillWithParent(cmd)
	var out io.Writer = &n.output
	if n.cluster.options.Log != "" {
		log, err := os.OpenFile(n.cluster.options.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		defer func() { _ = log.Close() }()
		out = log
	}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		return err
	}
	gone := make(chan struct{})
	n.process, n.gone = cmd, gone
	go func() {
		_ = cmd.Wait() // how it ended is of no interest: it is killed
		close(gone)
	}()
	return n.waitReady(ctx, gone)
}

// waitReady waits until all brokers that the cluster has are registered and this one answers.
func (n *Node) waitReady(ctx context.Context, gone <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := n.answers(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-gone:
			return fmt.Errorf("kafkad: the node has ended: %s", n.output.String())
		case <-ctx.Done():
			return fmt.Errorf("kafkad: the node does not answer (%w): %s", err, n.output.String())
		}
	}
}

func (n *Node) answers(ctx context.Context) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(n.addresses[string(Plain)]), kgo.DisableClientMetrics(), kgo.RetryTimeout(time.Second))
	if err != nil {
		return err
	}
	defer client.Close()
	if err := client.Ping(ctx); err != nil {
		return err
	}
	m, err := kadm.NewClient(client).BrokerMetadata(ctx)
	if err != nil {
		return err
	}
	for _, b := range m.Brokers {
		if int(b.NodeID) == n.id {
			return nil
		}
	}
	return errors.New("kafkad: the broker is not registered")
}

// Kill ends the node at once, as a crash does, and waits until it is gone.
func (n *Node) Kill() { n.end(syscall.SIGKILL) }

// Stop ends the node in order.
func (n *Node) Stop() { n.end(syscall.SIGTERM) }

func (n *Node) end(with syscall.Signal) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.process == nil {
		return
	}
	_ = n.process.Process.Signal(with) // it may have ended
	if with != syscall.SIGKILL {
		select {
		case <-n.gone:
		case <-time.After(30 * time.Second):
			_ = n.process.Process.Kill()
		}
	}
	<-n.gone
	n.process = nil
}

// Wipe kills the node and takes its data; Start begins anew.
func (n *Node) Wipe(ctx context.Context) error {
	n.Kill()
	if err := os.RemoveAll(n.file("data")); err != nil {
		return err
	}
	return n.format(ctx)
}

// Freeze stops the node's time (SIGSTOP) until Thaw: its connections stand and nothing answers.
func (n *Node) Freeze() error { return n.signal(syscall.SIGSTOP) }

// Thaw lets it go on.
func (n *Node) Thaw() error { return n.signal(syscall.SIGCONT) }

func (n *Node) signal(s syscall.Signal) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.process == nil {
		return errors.New("kafkad: the node does not run")
	}
	return n.process.Process.Signal(s)
}

// tail keeps the last of what a node wrote.
type tail struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.text.Len() > 64<<10 {
		t.text.Next(t.text.Len() - 32<<10)
	}
	return t.text.Write(p)
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}
