package systemd_test

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sespan/internal/systemd"
)

func environment(pairs ...string) func(string) string {
	return func(name string) string {
		for _, pair := range pairs {
			if value, ok := strings.CutPrefix(pair, name+"="); ok {
				return value
			}
		}
		return ""
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env      []string
		watchdog time.Duration
		wrong    string
	}{
		"none":                      {},
		"no watchdog":               {env: []string{"NOTIFY_SOCKET=/run/x"}},
		"watchdog":                  {env: []string{"NOTIFY_SOCKET=@x", "WATCHDOG_USEC=30000000"}, watchdog: 30 * time.Second},
		"watchdog of this process":  {env: []string{"NOTIFY_SOCKET=/run/x", "WATCHDOG_USEC=1000", "WATCHDOG_PID=7"}, watchdog: time.Millisecond},
		"watchdog of a parent":      {env: []string{"NOTIFY_SOCKET=/run/x", "WATCHDOG_USEC=1000", "WATCHDOG_PID=8"}},
		"a number that is none":     {env: []string{"NOTIFY_SOCKET=/run/x", "WATCHDOG_USEC=soon"}, wrong: "WATCHDOG_USEC"},
		"nothing":                   {env: []string{"NOTIFY_SOCKET=/run/x", "WATCHDOG_USEC=0"}, wrong: "WATCHDOG_USEC"},
		"a number beyond reason":    {env: []string{"NOTIFY_SOCKET=/run/x", "WATCHDOG_USEC=9223372036854775807"}, wrong: "WATCHDOG_USEC"},
		"a socket of other machine": {env: []string{"NOTIFY_SOCKET=vsock:2:1"}, wrong: "NOTIFY_SOCKET"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n, err := systemd.FromEnvironment(environment(c.env...), 7)
			if c.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), c.wrong) {
					t.Fatalf("error %v", err)
				}
				return
			}
			if err != nil || n.Watchdog() != c.watchdog {
				t.Fatalf("watchdog %v, error %v", n.Watchdog(), err)
			}
		})
	}
}

func TestSend(t *testing.T) {
	t.Parallel()
	for name, address := range map[string]string{"a path": filepath.Join(t.TempDir(), "notify"), "a name": "@sespan-test-notify"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
			if err != nil {
				t.Fatal(err)
			}
			defer socket.Close()
			n, err := systemd.FromEnvironment(environment("NOTIFY_SOCKET="+address), 7)
			if err != nil {
				t.Fatal(err)
			}
			if err := n.Send(t.Context(), systemd.Ready, "two\nlines"); err != nil {
				t.Fatal(err)
			}
			told := make([]byte, 100)
			size, err := socket.Read(told)
			if err != nil || string(told[:size]) != "READY=1\nSTATUS=two lines" {
				t.Fatalf("told %q, error %v", told[:size], err)
			}
		})
	}
	var none *systemd.Notifier
	if err := none.Send(t.Context(), systemd.Ready, ""); err != nil {
		t.Fatal(err)
	}
	gone, err := systemd.FromEnvironment(environment("NOTIFY_SOCKET="+filepath.Join(t.TempDir(), "gone")), 7)
	if err != nil {
		t.Fatal(err)
	}
	if err := gone.Send(t.Context(), systemd.Ready, ""); err == nil || !strings.Contains(err.Error(), "READY=1") {
		t.Fatalf("error %v", err)
	}
}
