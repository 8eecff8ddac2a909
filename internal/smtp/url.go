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

// ParseURL reads smtp://user:password@host:587?tls=starttls. Without tls the
// policy is starttls, on port 465 implicit; without a port it is 587, 465 for
// implicit and 25 for none. Further parameters: ca_file (PEM, used instead of the
// system's roots), helo (the name for EHLO), pipelining=off. Errors are one line,
// say the mend and never show the password.
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
		if value != "on" && value != "off" {
			return fmt.Errorf("pipelining=%.20q is unknown: use on or off", value)
		}
		c.NoPipelining = value == "off"
	default:
		return fmt.Errorf("the parameter %.40q is unknown: use tls, ca_file, helo or pipelining", name)
	}
	return nil
}

func (c *Config) readCA(path string) error {
	pem, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return fmt.Errorf("ca_file cannot be read: %w", err)
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(pem) {
		return fmt.Errorf("ca_file %s holds no PEM certificate", path)
	}
	return nil
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
