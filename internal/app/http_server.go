package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"sespan/internal/config"
)

func listen(ctx context.Context, variable, addr string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err
		}
		return nil, &config.Error{Variable: variable, Problem: fmt.Sprintf("is %s, which cannot be listened on: %v", addr, err), Hint: "choose a free address"}
	}
	return l, nil
}

// serveHTTP runs a server with bounds on size and time until ctx ends, then lets
// requests finish.
func serveHTTP(logger *slog.Logger, l net.Listener, h http.Handler, grace time.Duration) func(context.Context) error {
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 75 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10, DisableGeneralOptionsHandler: true, ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
	return func(ctx context.Context) error {
		errs := make(chan error, 1)
		go func() { errs <- server.Serve(l) }()
		select {
		case err := <-errs:
			return err
		case <-ctx.Done():
		}
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		if err := server.Shutdown(ending); err != nil {
			server.Close() //nolint:errcheck // what did not end in time is cut
		}
		if err := <-errs; !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}
}
