package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

const (
	attackers       = 16       // connections at once
	attackBound     = 64 << 20 // of the log, most of which is there before the attack
	attackDays      = 3        // of the log before today
	attackMemory    = 256      // MB that the service may take
	attackEventKeys = "relay-1:MDEyMzQ1Njc4OWFiY2RlZg=="
)

var (
	//go:embed attack_day.sql
	attackDaySQL string
	//go:embed attack_fill.sql
	attackFillSQL string
	//go:embed attack_result.sql
	attackResultSQL string
)

// attackBench is a service in whose log there is hardly any room left.
type attackBench struct {
	*env
	bearer  string
	signing ed25519.PrivateKey
	memory  atomic.Int64 // the most that the service has taken, in MB
	bytes   atomic.Int64 // the most that the log has taken
}

// logState is what the log holds.
type logState struct{ calls, rows, bodies, counted, bytes int64 }

// benchAttack makes hostile calls of twenty kinds, while the log is at its bound and the
// site works on the same database. Attacks by mail are suites of their own (attack-…).
func benchAttack(ctx context.Context, e *env) error {
	b := &attackBench{env: e}
	if err := b.prepare(ctx); err != nil {
		return err
	}
	if err := b.halfSent(ctx); err != nil {
		return err
	}
	if err := b.start(ctx); err != nil {
		return err
	}
	quiet, err := b.site(ctx, time.After(b.length))
	if err != nil {
		return err
	}
	before, err := b.state(ctx)
	if err != nil {
		return err
	}
	calls, busy, err := b.attack(ctx)
	if err != nil {
		return err
	}
	b.service.Stop() // rows stand for what was left out in the last minute
	after, err := b.state(ctx)
	if err != nil {
		return err
	}
	b.conclude(calls, before, after, quiet, busy)
	return nil
}

// prepare fills the log nearly to its bound.
func (b *attackBench) prepare(ctx context.Context) error {
	for ago := 1; ago <= attackDays; ago++ {
		if _, err := b.Admin.Exec(ctx, attackDaySQL, ago); err != nil {
			return err
		}
		if _, err := b.Admin.Exec(ctx, attackFillSQL, ago); err != nil {
			return err
		}
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	b.signing = private
	keys := `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"site","x":"` + base64.RawURLEncoding.EncodeToString(public) + `"}]}`
	if err := os.WriteFile(b.jwks(), []byte(keys), 0o600); err != nil {
		return err
	}
	b.bearer, err = b.Bearer(ctx)
	return err
}

func (b *attackBench) jwks() string { return filepath.Join(b.Folder, "jwks.json") }

func (b *attackBench) start(ctx context.Context) (err error) {
	b.service, err = b.Serve(ctx, "api,maintenance", fmt.Sprintf("SESPAN_API_LOG_MAX_BYTES=%d", attackBound), "SESPAN_JWKS="+b.jwks(),
		"SESPAN_MAIL_EVENT_KEYS="+attackEventKeys, "SESPAN_TRUSTED_PROXIES=127.0.0.1/32", "SESPAN_ALLOWED_ORIGINS=https://shop.example")
	return err
}

func (b *attackBench) state(ctx context.Context) (s logState, err error) {
	err = b.Admin.QueryRow(ctx, attackResultSQL).Scan(&s.calls, &s.rows, &s.bodies, &s.counted, &s.bytes)
	return s, err
}

// attack makes the calls and gives how many of them were calls of the API.
func (b *attackBench) attack(ctx context.Context) (calls int64, busy []time.Duration, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	over := make(chan time.Time)
	siteDone, watchDone := make(chan error, 1), make(chan error, 1)
	go func() {
		var err error
		busy, err = b.site(ctx, over)
		siteDone <- err
	}()
	go func() { watchDone <- b.watch(ctx, over) }()
	var next, made atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, attackers)
	start := time.Now()
	for i := range attackers {
		wg.Go(func() { errs[i] = b.attacker(ctx, &next, &made) })
	}
	wg.Wait()
	took := time.Since(start)
	close(over)
	err = errors.Join(append(errs, <-siteDone, <-watchDone)...)
	b.printf("\n%d hostile calls of %d kinds in %s, %d of them calls of the API\n", b.calls, len(attackKinds()), took.Round(time.Second), made.Load())
	return made.Load(), busy, err
}

// watch looks at the service's memory and the log's size.
func (b *attackBench) watch(ctx context.Context, over <-chan time.Time) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-over:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		mb, err := b.service.Resident()
		if err != nil {
			return err
		}
		b.memory.Store(max(b.memory.Load(), int64(mb)))
		s, err := b.state(ctx)
		if err != nil {
			return err
		}
		b.bytes.Store(max(b.bytes.Load(), s.bytes))
	}
}

func (b *attackBench) conclude(calls int64, before, after logState, quiet, busy []time.Duration) {
	const mb = 1 << 20
	r := b.report
	r.Info("hostile calls of the API", float64(calls), "")
	r.Info("rows that they left", float64(after.rows-before.rows), "")
	r.Zero("calls for which no row stands, or more than one", int(calls-(after.calls-before.calls)))
	r.Zero("calls that were not counted, or twice", int(calls-(after.counted-before.counted)))
	r.Zero("bodies of strangers in the log", int(after.bodies))
	r.AtMost("most that the log took, with its bound reached", float64(b.bytes.Load())/mb, float64(attackBound)/mb, "MB")
	r.AtMost("most memory of the service", float64(b.memory.Load()), attackMemory, "MB")
	r.Info("site's own query, median, before the attack", ms(quiet, 50), "ms")
	r.Info("site's own query, median, during it", ms(busy, 50), "ms")
	r.Info("site's own query, 99 of 100 within, before", ms(quiet, 99), "ms")
	r.Info("site's own query, 99 of 100 within, during it", ms(busy, 99), "ms")
}
