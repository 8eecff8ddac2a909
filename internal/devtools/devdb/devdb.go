package devdb

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// Options of a server. The zero value is a throw-away server of the default
// version on a free port.
type Options struct {
	// Version of the embedded server: "18.6.0", or a major such as "15"; empty
	// means the newest that is known. Or the folder of an installed server, such
	// as "/usr/lib/postgresql/15": nothing is fetched then.
	Version string
	// Dir keeps the data between runs (in Dir/data). Empty: a temporary folder, in
	// memory where there is room, that goes away with the server, and nothing is
	// flushed to disk.
	Dir string
	// Cache keeps the fetched server; empty: a folder of the user's own.
	Cache string
	// Port that is wanted; a free one is taken when it is 0 or busy.
	Port int
	// Parameters are server settings (-c name=value).
	Parameters map[string]string
	// StartTimeout bounds the start without the download; 0 means a minute.
	StartTimeout time.Duration
}

// Server is a running PostgreSQL on 127.0.0.1.
type Server struct {
	port     int
	password string
	sup      *supervisor
}

// Start runs a server and returns when it takes connections. Its error is a
// sentence for a person. The context bounds the start only.
func Start(ctx context.Context, opts Options) (*Server, error) {
	who, err := serverAccount(opts.Dir)
	if err != nil {
		return nil, err
	}
	p, err := prepare(opts, who)
	if err != nil {
		return nil, err
	}
	sup, err := startSupervisor(p, who) //nolint:contextcheck // the server outlives its start
	if err != nil {
		return nil, err
	}
	port, err := sup.ready(ctx)
	if err != nil {
		return nil, errors.Join(err, sup.end())
	}
	return &Server{port: port, password: p.Password, sup: sup}, nil
}

// Port is where the server listens.
func (s *Server) Port() int { return s.port }

// URL connects the superuser to a database; "postgres" always exists.
func (s *Server) URL(database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword("postgres", s.password),
		Host: "127.0.0.1:" + strconv.Itoa(s.port), Path: "/" + database, RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Stop ends the server and waits for it. It may be called more than once.
func (s *Server) Stop() error { return s.sup.end() }

// plan is what the supervisor is told.
type plan struct {
	Options
	Throwaway bool
	Password  string
}

// prepare makes the folders and hands them to the server's account.
func prepare(opts Options, who account) (plan, error) {
	p := plan{Options: opts, Throwaway: opts.Dir == ""}
	if p.StartTimeout == 0 {
		p.StartTimeout = time.Minute
	}
	var err error
	if p.Cache, err = cacheFolder(opts.Cache, who); err != nil {
		return p, err
	}
	if p.Throwaway {
		p.Dir, err = os.MkdirTemp(InMemory(), "sespan-devdb-")
	} else {
		p.Dir, err = filepath.Abs(opts.Dir)
	}
	if err != nil {
		return p, fmt.Errorf("devdb: folder for the data: %w", err)
	}
	if err := ownFolder(p.Dir, 0o700, who); err != nil {
		return p, err
	}
	p.Password, err = keptPassword(filepath.Join(p.Dir, "password"), who)
	return p, err
}
