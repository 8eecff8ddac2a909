package testbed

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A process that systemd started says when it serves, that it lives and when it ends;
// the command that containers ask with agrees.
func TestSystemdAndContainersAreTold(t *testing.T) {
	t.Parallel()
	env := newEnv(t)
	address := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	told := func(want string) {
		t.Helper()
		if err := socket.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		datagram := make([]byte, 200)
		for {
			size, err := socket.Read(datagram)
			if err != nil {
				t.Fatalf("%s was not told: %v", want, err)
			}
			if state, _, _ := strings.Cut(string(datagram[:size]), "\n"); state == want {
				return
			}
		}
	}
	s := serve(t, env, "api,maintenance", "NOTIFY_SOCKET="+address, "WATCHDOG_USEC=300000", "SESPAN_DRAIN_TIME=2s")
	told("READY=1")
	told("WATCHDOG=1")
	told("WATCHDOG=1")

	flag := "--admin-addr=" + s.Admin
	settings := filepath.Join(t.TempDir(), "sespan.env")
	if err := os.WriteFile(settings, []byte(`SESPAN_ADMIN_ADDR="`+s.Admin+`"`), 0o600); err != nil {
		t.Fatal(err)
	}
	check(t, "ok", flag)
	check(t, "ok", flag, "--live")
	check(t, "ok", "--env-file="+settings)
	if err := syscall.Kill(s.PID(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	told("STOPPING=1")
	check(t, "process: is stopping", flag)
	check(t, "ok", flag, "--live")
	s.Stop()
	check(t, "nobody answers", flag)
}

// check runs the health check of a container and looks for a word in what it says; it
// must fail unless all is well.
func check(t *testing.T, want string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, binary, append([]string{"healthcheck"}, args...)...).CombinedOutput()
	if !strings.Contains(string(out), want) || (err == nil) != (want == "ok") {
		t.Errorf("healthcheck %v says %q (%v), want %q", args, out, err, want)
	}
}
