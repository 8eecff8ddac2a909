package monitoring

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"sespan/internal/devtools/poll"
	"sespan/internal/devtools/testbed"
)

// server is a Prometheus.
type server struct{ address string }

const every = time.Second

// startPrometheus starts one that scrapes the service, and waits for its first scrape.
func startPrometheus(t *testing.T, s *testbed.Service) *server {
	t.Helper()
	program := Program("../../..")
	if program == "" {
		t.Fatal("there is no Prometheus: make test-go fetches it, or apt-get install prometheus")
	}
	p := &server{address: testbed.FreeAddress()}
	args, err := Configure(t.TempDir(), s.Admin, p.address, every)
	if err != nil {
		t.Fatal(err)
	}
	log, done := &testbed.Tail{}, make(chan struct{})
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Stdout, cmd.Stderr = log, log
	testbed.KillWithParent(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { defer close(done); _ = cmd.Wait() }() // the end of the test kills it
	t.Cleanup(func() { <-done })
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	err = poll.Until(ctx, 100*time.Millisecond, func() (bool, error) {
		series, err := p.query(ctx, "up == 1")
		return err == nil && len(series) > 0, testbed.Running(done)
	})
	if err != nil {
		t.Fatalf("Prometheus does not scrape the service: %v\n%s", err, log)
	}
	return p
}

// get asks the API and reads the data of its answer.
func (p *server) get(ctx context.Context, path string, ask url.Values, data any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.address+"/api/v1/"+path+"?"+ask.Encode(), nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var answer struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return fmt.Errorf("%s: %w", res.Status, err)
	}
	if answer.Status != "success" {
		return fmt.Errorf("%s: %s", res.Status, answer.Error)
	}
	return json.Unmarshal(answer.Data, data)
}

// series is one of an answer: a value, or several over time.
type series struct {
	Metric map[string]string
	Value  [2]any
	Values [][2]any
}

// numbers reports whether any value is a number.
func numbers(all []series) bool {
	for _, s := range all {
		for _, v := range append(s.Values, s.Value) {
			if text, ok := v[1].(string); ok && text != "NaN" {
				return true
			}
		}
	}
	return false
}

func (p *server) query(ctx context.Context, expr string) ([]series, error) {
	var data struct{ Result []series }
	err := p.get(ctx, "query", url.Values{"query": {expr}}, &data)
	return data.Result, err
}

// over asks for the last minute.
func (p *server) over(ctx context.Context, expr string) ([]series, error) {
	var data struct{ Result []series }
	now := time.Now()
	at := func(t time.Time) []string { return []string{strconv.FormatInt(t.Unix(), 10)} }
	err := p.get(ctx, "query_range", url.Values{"query": {expr}, "start": at(now.Add(-time.Minute)), "end": at(now), "step": {"5"}}, &data)
	return data.Result, err
}

// rule is one as Prometheus has loaded it.
type rule struct {
	Name, Query, Health, LastError, Type, State string
}

// rules of all files, and how many files they are of.
func (p *server) rules(ctx context.Context) (all []rule, files int, err error) {
	var data struct {
		Groups []struct {
			File  string
			Rules []rule
		}
	}
	err = p.get(ctx, "rules", nil, &data)
	seen := map[string]bool{}
	for _, g := range data.Groups {
		seen[g.File] = true
		all = append(all, g.Rules...)
	}
	return all, len(seen), err
}
