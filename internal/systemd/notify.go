package systemd

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// States of a process, as sd_notify(3) names them.
const (
	Ready    = "READY=1"
	Stopping = "STOPPING=1"
	Alive    = "WATCHDOG=1"
)

// Notifier writes to systemd. The nil Notifier writes nothing: the process was not
// started by systemd, or by a unit that does not want to be told.
type Notifier struct {
	socket   string
	watchdog time.Duration
}

// FromEnvironment reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
func FromEnvironment(getenv func(string) string, pid int) (*Notifier, error) {
	socket := getenv("NOTIFY_SOCKET")
	if socket == "" {
		return nil, nil //nolint:nilnil // see Notifier
	}
	if socket[0] != '/' && socket[0] != '@' {
		return nil, fmt.Errorf("NOTIFY_SOCKET is %q: only sockets of this machine are known, /path or @name", socket)
	}
	n := &Notifier{socket: socket}
	micros := getenv("WATCHDOG_USEC")
	if of := getenv("WATCHDOG_PID"); micros == "" || of != "" && of != strconv.Itoa(pid) {
		return n, nil
	}
	most, err := strconv.ParseInt(micros, 10, 64)
	if err != nil || most <= 0 || most > int64(24*time.Hour/time.Microsecond) {
		return nil, fmt.Errorf("WATCHDOG_USEC is %q: a number of microseconds is expected, a day at most", micros)
	}
	n.watchdog = time.Duration(most) * time.Microsecond
	return n, nil
}

// Watchdog gives how long systemd waits for the next Alive; 0 where it does not.
func (n *Notifier) Watchdog() time.Duration {
	if n == nil {
		return 0
	}
	return n.watchdog
}

// Send writes the state and what people read in systemctl status.
func (n *Notifier) Send(ctx context.Context, state, status string) error {
	if n == nil {
		return nil
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "unixgram", n.socket)
	if err != nil {
		return fmt.Errorf("tell systemd %s: %w", state, err)
	}
	defer conn.Close() //nolint:errcheck // a datagram is gone by then
	if status != "" {
		state += "\nSTATUS=" + strings.ReplaceAll(status, "\n", " ")
	}
	if _, err := conn.Write([]byte(state)); err != nil {
		return fmt.Errorf("tell systemd %s: %w", state, err)
	}
	return nil
}
