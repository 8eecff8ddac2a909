package rabbitmqd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"sespan/internal/devtools/devdb"
	"sespan/internal/devtools/poll"
	"sespan/internal/devtools/testbed"
)

// Node is one RabbitMQ.
type Node struct {
	AMQP, TLS    string // addresses; TLS demands a client's certificate
	Certificates Certificates

	files    unpacked
	name     string
	first    *Node // of its cluster, whose epmd and cookie it has; itself where it is alone
	dir      string
	env      []string
	epmd     *exec.Cmd // nil: that of the first
	epmdPort string
	server   *exec.Cmd
	exited   chan struct{} // closed when server has ended
}

const startTimeout = 90 * time.Second

// Launch starts a node outside of a test; End it.
func Launch(ctx context.Context) (*Node, error) { return launch(ctx, "sespan@localhost", nil) }

// LaunchCluster starts nodes that share users and queues; End each, the first one last.
func LaunchCluster(ctx context.Context, size int) (nodes []*Node, err error) {
	for i := range size {
		var first *Node
		if i > 0 {
			first = nodes[0]
		}
		n, err := launch(ctx, fmt.Sprintf("sespan%d@localhost", i+1), first)
		if err != nil {
			return nil, errors.Join(err, EndCluster(nodes))
		}
		nodes = append(nodes, n)
	}
	return nodes, nil
}

// EndCluster ends all nodes of a cluster.
func EndCluster(nodes []*Node) (err error) {
	for _, n := range slices.Backward(nodes) {
		err = errors.Join(err, n.End())
	}
	return err
}

func launch(ctx context.Context, name string, first *Node) (*Node, error) {
	p, err := find()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "rabbitmqd-")
	if err != nil {
		return nil, err
	}
	n := &Node{files: p, name: name, first: first, dir: dir}
	if first == nil {
		n.first = n
	}
	if err := errors.Join(n.prepare(), n.startEPMD()); err != nil {
		return nil, errors.Join(err, n.End())
	}
	if err := n.Restart(ctx); err != nil {
		return nil, errors.Join(err, n.End())
	}
	return n, nil
}

// prepare writes the node's files and chooses its ports.
func (n *Node) prepare() (err error) {
	if n.Certificates, err = makeCertificates(n.dir); err != nil {
		return err
	}
	address := func(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
	ports := [4]int{}
	for i := range ports {
		ports[i] = devdb.FreePort(0)
	}
	n.AMQP, n.TLS = address(ports[0]), address(ports[1])
	conf := strings.NewReplacer("$dir", n.dir, "$amqp", n.AMQP, "$tls", n.TLS).Replace(`listeners.tcp.1 = $amqp
listeners.ssl.1 = $tls
ssl_options.cacertfile = $dir/ca.pem
ssl_options.certfile = $dir/server.pem
ssl_options.keyfile = $dir/server.key
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = true
log.console = true
log.console.level = warning
disk_free_limit.absolute = 1MB
raft.wal_max_size_bytes = 16000000
`)
	if n.first == n {
		conf += "load_definitions = " + n.dir + "/definitions.json\n"
	} else {
		conf += "cluster_formation.peer_discovery_backend = classic_config\ncluster_formation.classic_config.nodes.1 = " + n.first.name + "\n"
	}
	// The package's erl names the folder of an installed Erlang.
	erl := fmt.Sprintf("#!/bin/sh\nexport EMU=beam PROGNAME=erl ROOTDIR='%s' BINDIR='%s'\nexec \"$BINDIR/erlexec\" \"$@\"\n",
		n.files.erlang, n.files.erts)
	for name, content := range map[string]string{
		"rabbitmq.conf": conf, "advanced.config": "[].\n", "enabled_plugins": "[].\n", ".erlang.cookie": "of" + filepath.Base(n.first.dir),
		"definitions.json": string(definitions()), "bin/erl": erl,
	} {
		path := filepath.Join(n.dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(content), 0o600)); err != nil {
			return err
		}
	}
	if n.first == n {
		n.epmdPort = strconv.Itoa(ports[3])
	}
	const interfaces = "-kernel inet_dist_use_interface {127,0,0,1}"
	n.env = []string{
		"HOME=" + n.dir, "TMPDIR=" + n.dir, "LANG=C.UTF-8", "PATH=" + n.dir + "/bin:" + os.Getenv("PATH"),
		"LD_LIBRARY_PATH=" + strings.Join(n.files.libraries, ":"),
		"RABBITMQ_NODENAME=" + n.name, "RABBITMQ_CONF_ENV_FILE=/dev/null", "RABBITMQ_CONFIG_FILE=" + n.dir + "/rabbitmq.conf",
		"RABBITMQ_ADVANCED_CONFIG_FILE=" + n.dir + "/advanced.config", "RABBITMQ_ENABLED_PLUGINS_FILE=" + n.dir + "/enabled_plugins",
		"RABBITMQ_MNESIA_BASE=" + n.dir + "/mnesia", "RABBITMQ_LOG_BASE=" + n.dir + "/log", "RABBITMQ_PID_FILE=" + n.dir + "/pid",
		"RABBITMQ_DIST_PORT=" + strconv.Itoa(ports[2]), "ERL_EPMD_PORT=" + n.first.epmdPort, "ERL_EPMD_ADDRESS=127.0.0.1",
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=" + interfaces, "RABBITMQ_CTL_ERL_ARGS=" + interfaces,
		"RUNNING_UNDER_SYSTEMD=true", // the script becomes the server instead of waiting for it
	}
	return os.Chmod(filepath.Join(n.dir, "bin/erl"), 0o700) //nolint:gosec // a program
}

// command is a program of the package with the node's environment; the kernel ends it with the test.
func (n *Node) command(path string, args ...string) *exec.Cmd {
	cmd := exec.Command(path, args...) //nolint:noctx,gosec // of the package; ended by signals
	testbed.KillWithParent(cmd)
	cmd.Dir, cmd.Env = n.dir, n.env
	return cmd
}

// startEPMD starts Erlang's directory of nodes, which a node does not manage to from an unpacked package.
func (n *Node) startEPMD() error {
	if n.first != n {
		return nil
	}
	n.epmd = n.command(filepath.Join(n.files.erts, "epmd"))
	if err := n.epmd.Start(); err != nil {
		n.epmd = nil
		return fmt.Errorf("rabbitmqd: %w", err)
	}
	return nil
}

// Restart starts the server on the folder that it has, and waits until clients can connect.
func (n *Node) Restart(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	out, err := os.OpenFile(filepath.Join(n.dir, "out.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()
	n.server = n.command(filepath.Join(n.files.scripts, "rabbitmq-server"))
	n.server.Stdout, n.server.Stderr = out, out
	if err := n.server.Start(); err != nil {
		n.server = nil
		return fmt.Errorf("rabbitmqd: %w", err)
	}
	exited := make(chan struct{})
	n.exited = exited
	go func(server *exec.Cmd) {
		_ = server.Wait()
		close(exited)
	}(n.server)
	err = poll.Until(ctx, 50*time.Millisecond, func() (bool, error) {
		select {
		case <-exited:
			return false, errors.New("it ended by itself")
		default:
			return n.greets(ctx), nil
		}
	})
	if err != nil {
		said, _ := os.ReadFile(out.Name())
		return fmt.Errorf("rabbitmqd: the server did not start: %w\n%s", err, said)
	}
	return nil
}

// greets tells whether the server answers the first bytes of AMQP.
func (n *Node) greets(ctx context.Context) bool {
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", n.AMQP)
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	_, err = io.WriteString(conn, "AMQP\x00\x00\x09\x01")
	first := make([]byte, 1)
	_, read := io.ReadFull(conn, first)
	return err == nil && read == nil && first[0] == 1 // a frame of a method: connection.start
}

// Kill ends the server as kill -9 does.
func (n *Node) Kill() { n.signal(syscall.SIGKILL) }

// Wipe kills the server and takes its data; Restart begins anew.
func (n *Node) Wipe() error {
	n.Kill()
	return os.RemoveAll(filepath.Join(n.dir, "mnesia"))
}

// Stop ends the server as a stop of its service does.
func (n *Node) Stop() { n.signal(syscall.SIGTERM) }

func (n *Node) signal(s syscall.Signal) {
	if n.server == nil {
		return
	}
	_ = n.server.Process.Signal(s)
	select {
	case <-n.exited:
	case <-time.After(20 * time.Second):
		_ = n.server.Process.Kill()
		<-n.exited
	}
	n.server = nil
}

// Pause stops the server's time, and Resume lets it go on: a network that is cut.
func (n *Node) Pause() error { return n.server.Process.Signal(syscall.SIGSTOP) }

// Resume ends a Pause.
func (n *Node) Resume() error { return n.server.Process.Signal(syscall.SIGCONT) }

// Control runs rabbitmqctl, which takes two seconds.
func (n *Node) Control(ctx context.Context, args ...string) (string, error) {
	cmd := n.command(filepath.Join(n.files.scripts, "rabbitmqctl"), args...)
	stop := context.AfterFunc(ctx, func() {
		if cmd.Process != nil {
			_ = cmd.Process.Kill()
		}
	})
	defer stop()
	output, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("rabbitmqctl %s: %w: %s", strings.Join(args, " "), err, output)
	}
	return string(output), nil
}

// End ends the node and its epmd and removes its folder.
func (n *Node) End() error {
	n.Kill()
	if n.epmd != nil {
		_ = n.epmd.Process.Kill()
		_ = n.epmd.Wait()
	}
	return os.RemoveAll(n.dir)
}
