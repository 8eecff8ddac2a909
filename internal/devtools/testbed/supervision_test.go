package testbed

import (
	"context"
	"net"
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

	check(t, s, "", "ok")
	check(t, s, "--live", "ok")
	if err := syscall.Kill(s.PID(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	told("STOPPING=1")
	check(t, s, "", "process: is stopping")
	check(t, s, "--live", "ok")
	s.Stop()
	check(t, s, "", "nobody answers")
}

// check runs the health check of a container and looks for a word in what it says; it
// must fail unless all is well.
func check(t *testing.T, s *Service, option, want string) {
	t.Helper()
	args := []string{"healthcheck", "--admin-addr=" + s.Admin}
	if option != "" {
		args = append(args, option)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, binary, args...).CombinedOutput()
	if !strings.Contains(string(out), want) || (err == nil) != (want == "ok") {
		t.Errorf("healthcheck %s says %q (%v), want %q", option, out, err, want)
	}
}
