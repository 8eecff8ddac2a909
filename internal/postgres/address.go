package postgres

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// poolConfig reads the address of a database: whatever libpq reads, a URL or
// keyword=value. Every connection of ours begins here, so that what one command takes
// every command takes.
func poolConfig(address string) (*pgxpool.Config, error) {
	c, err := pgxpool.ParseConfig(address)
	if err != nil {
		return nil, fmt.Errorf("not a PostgreSQL URL: %w", hideDSN(err))
	}
	return c, keepParameters(c.ConnConfig.RuntimeParams)
}

// connConfig reads an address for a single connection.
func connConfig(address string) (*pgx.ConnConfig, error) {
	c, err := poolConfig(address)
	if err != nil {
		return nil, err
	}
	return c.ConnConfig, nil
}

// What libpq does itself and the server has never heard of. The first are of no
// consequence here; what the others ask for is not done, and not left out in silence.
var (
	idleParameters   = regexp.MustCompile(`^(keepalives(_idle|_interval|_count)?|tcp_user_timeout|fallback_application_name|load_balance_hosts|sslcompression|sslkeylogfile)$`)
	unkeptParameters = regexp.MustCompile(`^(hostaddr|replication|requirepeer|requiressl|sslcrl|sslcrldir|ssl_m(in|ax)_protocol_version|gsslib|gssdelegation|scram_.*|oauth_.*)$`)
	isUnicode        = regexp.MustCompile(`(?i)^(auto|utf-?8|unicode)$`)
)

// keepParameters leaves those that are the server's.
func keepParameters(params map[string]string) error {
	for name, value := range params {
		switch {
		case idleParameters.MatchString(name), name == "gssencmode" && value != "require", name == "client_encoding" && isUnicode.MatchString(value):
			delete(params, name)
		case unkeptParameters.MatchString(name), name == "gssencmode", name == "client_encoding":
			return errors.New("the parameter " + name + " asks for what sespan does not do: leave it out")
		}
	}
	return nil
}

// Target is where an address leads: several hosts, each with its port, in their order.
type Target struct {
	Hosts, Ports []string // a host is a name, an address or the folder of a socket
	Database     string
}

// TargetOf reads an address, and what of the environment completes it.
func TargetOf(address string) (Target, error) {
	c, err := connConfig(address)
	if err != nil {
		return Target{}, err
	}
	t := Target{Database: cmp.Or(c.Database, c.User)} // as the server completes it
	t.add(c.Host, c.Port)
	for _, f := range c.Fallbacks {
		t.add(f.Host, f.Port)
	}
	return t, nil
}

// add leaves a host out that comes twice, once with TLS and once without.
func (t *Target) add(host string, number uint16) {
	port := strconv.Itoa(int(number))
	if last := len(t.Hosts) - 1; last < 0 || t.Hosts[last] != host || t.Ports[last] != port {
		t.Hosts, t.Ports = append(t.Hosts, host), append(t.Ports, port)
	}
}
