package kafkad

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

//go:embed jars.txt
var jars string

const (
	repository = "https://repo1.maven.org/maven2/"
	// The largest jar has 10 MB.
	mostBytes = 64 << 20
)

// Fetch brings the jars of a broker into a folder, those that are not there yet.
func Fetch(ctx context.Context, folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // no secret is in it
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for line := range strings.Lines(jars) {
		sum, address, ok := strings.Cut(strings.TrimSpace(line), "  ")
		if !ok {
			return fmt.Errorf("kafkad: jars.txt has the line %q", line)
		}
		group.Go(func() error { return fetchWithRetries(ctx, filepath.Join(folder, path.Base(address)), address, sum) })
	}
	return group.Wait()
}

func fetchWithRetries(ctx context.Context, file, address, sum string) (err error) {
	if text, err := os.ReadFile(file); err == nil && sumOf(text) == sum { //nolint:gosec // of jars.txt
		return nil
	}
	for try := range 4 {
		if err = fetch(ctx, file, address, sum); err == nil || ctx.Err() != nil {
			return err
		}
		select {
		case <-time.After(time.Second << try):
		case <-ctx.Done():
		}
	}
	return err
}

func fetch(ctx context.Context, file, address, sum string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, repository+address, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("kafkad: %s answers %s", repository+address, answer.Status)
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, mostBytes))
	if err != nil {
		return err
	}
	if got := sumOf(text); got != sum {
		return fmt.Errorf("kafkad: %s has the sum %s, want %s", repository+address, got, sum)
	}
	part := file + ".part"
	if err := os.WriteFile(part, text, 0o644); err != nil { //nolint:gosec // no secret is in it
		return err
	}
	return os.Rename(part, file)
}

func sumOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
