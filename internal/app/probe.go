package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Questions that a process answers at its admin port.
const (
	Livez  = "/livez"  // does it live
	Readyz = "/readyz" // can it serve
)

// Probe asks the process whose admin port is at addr, and gives its status: ok or
// degraded. An address of all interfaces means this machine. Fails when nobody
// answers within two seconds, and with the checks that failed when the answer is no.
func Probe(ctx context.Context, addr, question string) (status string, err error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", fmt.Errorf("%s: write host:port, such as 127.0.0.1:9090", addr)
	}
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "localhost"
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+question, http.NoBody)
	if err != nil {
		return "", err
	}
	// Without a proxy, and without a connection that is kept.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return "", fmt.Errorf("nobody answers at %s: %w", addr, errors.Unwrap(err))
	}
	defer response.Body.Close() //nolint:errcheck // it was read
	var state readiness
	if err := json.NewDecoder(io.LimitReader(response.Body, 1<<16)).Decode(&state); err != nil || state.Status == "" {
		return "", fmt.Errorf("who answers at %s is no sespan (status %d)", addr, response.StatusCode)
	}
	if response.StatusCode != http.StatusOK {
		return state.Status, fmt.Errorf("%s: %s", state.Status, strings.Join(failing(state.Checks), "; "))
	}
	return state.Status, nil
}

func failing(checks map[string]string) []string {
	var list []string
	for name, result := range checks {
		if result != "ok" {
			list = append(list, name+": "+result)
		}
	}
	slices.Sort(list)
	return list
}
