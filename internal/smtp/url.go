package smtp

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
)

// ParseURLs reads one to MaxRelays such URLs with commas between, the preferred
// relay first. A comma in a user or password is written %2C.
func ParseURLs(raw string) ([]Config, error) {
	var out []Config
	for i, part := range strings.Split(raw, ",") {
		c, err := ParseURL(part)
		if err != nil && strings.Contains(raw, ",") {
			return nil, fmt.Errorf("the URL number %d: %w (a comma separates URLs; in a user or password it is written %%2C)", i+1, err)
		}
		if err != nil {
			return nil, err
		}
		for _, other := range out {
			if other.Address() == c.Address() && other.Username == c.Username {
				return nil, fmt.Errorf("the relay %s stands there twice", c.Address())
			}
		}
		out = append(out, c)
	}
	if len(out) > MaxRelays {
		return nil, fmt.Errorf("there are %d relays, %d are the most", len(out), MaxRelays)
	}
	return out, nil
}

// ParseURL reads smtp://user:password@host:587?tls=starttls. Without tls the
// policy is starttls, on port 465 implicit; without a port it is 587, 465 for
// implicit and 25 for none. Further parameters: ca_file (PEM, used instead of the
// system's roots), helo (the name for EHLO), connections (kept at most), messages
// (per connection), pipelining=off and chunking=off. Errors are one line, say
// how to correct it and never show the password.
func ParseURL(raw string) (Config, error) {
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil { // the parser's own error would repeat the URL and with it the password
		return Config{}, errors.New("not a URL: write smtp://user:password@host:587?tls=starttls, " +
			"with special characters of user and password percent-encoded (# as %23, / as %2F, % as %25)")
	}
	if err := checkShape(u); err != nil {
		return Config{}, err
	}
	c := Config{Host: u.Hostname(), Port: u.Port(), Username: u.User.Username()}
	c.Password, _ = u.User.Password()
	if err := c.readParameters(u.RawQuery); err != nil {
		return Config{}, err
	}
	c.choosePort(u.Scheme)
	if err := c.check(); err != nil {
		return Config{}, err
	}
	return c, nil
}

func checkShape(u *url.URL) error {
	switch {
	case u.Scheme != "smtp" && u.Scheme != "smtps":
		return errors.New("the scheme must be smtp://, as in smtp://host:587?tls=starttls")
	case u.Hostname() == "":
		return errors.New("the host is missing, as in smtp://host:587?tls=starttls")
	case u.Path != "" && u.Path != "/":
		return errors.New("a path means nothing here; a / in the user or password is written %2F")
	case u.Fragment != "":
		return errors.New("a # means nothing here; in the user or password it is written %23")
	}
	return nil
}

func (c *Config) readParameters(query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("the part after ? cannot be read: write tls=starttls&ca_file=/path")
	}
	for name, value := range values {
		if len(value) != 1 {
			return fmt.Errorf("the parameter %s stands more than once", name)
		}
		if err := c.set(name, value[0]); err != nil {
			return err
		}
	}
	return nil
}

func (c *Config) set(name, value string) error {
	switch name {
	case "tls":
		c.TLS = Policy(value)
		if c.TLS != None && c.TLS != StartTLS && c.TLS != Implicit {
			return fmt.Errorf("tls=%.20q is unknown: use starttls, implicit or none", value)
		}
	case "ca_file":
		return c.readCA(value)
	case "helo":
		c.Hello = value
	case "pipelining":
		return off(&c.NoPipelining, name, value)
	case "chunking":
		return off(&c.NoChunking, name, value)
	case "connections":
		return number(&c.Connections, name, value, 64)
	case "messages":
		return number(&c.MessagesPerConn, name, value, 1_000_000)
	default:
		return fmt.Errorf("the parameter %.40q is unknown: use tls, ca_file, helo, connections, messages, pipelining or chunking", name)
	}
	return nil
}

func off(to *bool, name, value string) error {
	if value != "on" && value != "off" {
		return fmt.Errorf("%s=%.20q is unknown: use on or off", name, value)
	}
	*to = value == "off"
	return nil
}

func number(to *int, name, value string, most int) error {
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 || n > most {
		return fmt.Errorf("%s=%.20q is no number from 1 to %d", name, value, most)
	}
	*to = n
	return nil
}

func (c *Config) readCA(path string) error {
	pool, err := ReadCA(path)
	if err != nil {
		return fmt.Errorf("ca_file %w", err)
	}
	c.RootCAs = pool
	return nil
}

// ReadCA reads a file of PEM certificates, which are trusted instead of the system's.
func ReadCA(path string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no PEM certificate", path)
	}
	return pool, nil
}

func (c *Config) choosePort(scheme string) {
	if c.TLS == "" {
		c.TLS = StartTLS
		if scheme == "smtps" || c.Port == "465" {
			c.TLS = Implicit
		}
	}
	if c.Port == "" {
		c.Port = map[Policy]string{None: "25", StartTLS: "587", Implicit: "465"}[c.TLS]
	}
}

// check finds what New must not accept, however the Config was made.
func (c *Config) check() error {
	port, err := strconv.Atoi(c.Port)
	switch {
	case c.Host == "" || strings.ContainsAny(c.Host, "\r\n\t /"):
		return errors.New("the host is not a host name")
	case err != nil || port < 1 || port > 65535:
		return errors.New("the port must be a number from 1 to 65535")
	case c.TLS != None && c.TLS != StartTLS && c.TLS != Implicit:
		return errors.New("the TLS policy must be starttls, implicit or none")
	case strings.ContainsFunc(c.Hello, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("helo must be a host name or an address in brackets")
	case c.Username == "" && c.Password != "":
		return errors.New("there is a password without a user")
	case c.Username != "" && c.Password == "":
		return errors.New("there is a user without a password")
	case strings.ContainsAny(c.Username+c.Password, "\r\n\x00"):
		return errors.New("user and password must not hold line breaks or NUL")
	case c.Username != "" && c.TLS == None && !loopback(c.Host):
		return errors.New("a password is not sent in clear: use tls=starttls or tls=implicit " +
			"(tls=none with a user is for a relay on 127.0.0.1, ::1 or localhost)")
	}
	return nil
}
