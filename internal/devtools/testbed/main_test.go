package testbed

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"sespan/internal/devtools/devdb"
)

func TestMain(m *testing.M) {
	if code, yes := devdb.Supervise(); yes {
		os.Exit(code)
	}
	dir, err := os.MkdirTemp("", "sespan-testbed-")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "sespan")
	code := m.Run()
	_ = os.RemoveAll(dir) // of the system's temporary ones
	os.Exit(code)
}

var binary string // of the service as it stands in this tree

var build = sync.OnceValue(func() error { return Build(context.Background(), binary) })

// newEnv is a server of its own.
func newEnv(t *testing.T) *Env {
	t.Helper()
	if err := build(); err != nil {
		t.Fatal(err)
	}
	e, err := New(t.Context(), Options{Out: io.Discard, Binary: binary})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// serve starts a service.
func serve(t *testing.T, e *Env, parts string, settings ...string) *Service {
	t.Helper()
	s, err := e.Serve(t.Context(), parts, settings...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// post makes a call with a JSON body; the answer's body is read into answer.
func post(ctx context.Context, client *http.Client, url string, header http.Header, body, answer any) (*http.Response, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	req.Header = header.Clone()
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if answer == nil {
		return res, nil
	}
	return res, json.Unmarshal(raw, answer)
}
