package demo

import (
	"fmt"
	"net"
	"strconv"
)

// ports are where the parts listen on 127.0.0.1.
type ports struct {
	shop, api, admin, smtp, inbox, postgres int
	prometheus                              int // 0 for none
}

// choosePorts takes the usual port of each part, or the next free one, and says so.
func choosePorts(shop int, say func(string)) (ports, error) {
	var p ports
	taken := map[int]bool{}
	for _, want := range []struct {
		name string
		port int
		got  *int
	}{
		{"shop", shop, &p.shop},
		{"API", 8080, &p.api},
		{"metrics", 9090, &p.admin},
		{"inbox's SMTP", 1025, &p.smtp},
		{"inbox's page", 8025, &p.inbox},
		{"PostgreSQL", 54320, &p.postgres},
	} {
		port, err := freePort(want.port, taken)
		if err != nil {
			return p, fmt.Errorf("%s: %w", want.name, err)
		}
		if port != want.port {
			say(fmt.Sprintf("port %d is busy: the %s takes %d", want.port, want.name, port))
		}
		taken[port], *want.got = true, port
	}
	return p, nil
}

const portTries = 200

func freePort(from int, taken map[int]bool) (int, error) {
	for port := from; port < from+portTries && port < 1<<16; port++ {
		if taken[port] {
			continue
		}
		l, err := net.Listen("tcp", address(port)) //nolint:noctx // a probe that is closed at once
		if err != nil {
			continue
		}
		return port, l.Close()
	}
	return 0, fmt.Errorf("no free port from %d on", from)
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func link(port int, path string) string { return "http://" + address(port) + path }
