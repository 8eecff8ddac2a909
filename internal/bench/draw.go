package main

import (
	"context"
	"crypto/rand"
	_ "embed"
	"fmt"
	"log/slog"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/shopspring/decimal"

	"sespan/internal/access"
	"sespan/internal/apilog"
	"sespan/internal/httpapi"
	"sespan/internal/postgres"
	"sespan/internal/secret"
	"sespan/internal/transaction"
)

const (
	drawConnections = 16   // of the load, on either side
	drawBatch       = 16   // orders per statement of the ceiling
	drawAim         = 0.35 // share of direct SQL
	drawCustomers   = 1000
)

//go:embed draw_direct.sql
var drawDirectSQL string

// drawBench holds the three sides: HTTP, direct SQL, and batches without HTTP.
type drawBench struct {
	*env
	orders atomic.Int64
	store  *postgres.Transactions
	epochs *transaction.Epochs
	draws  *transaction.Service
	addr   string
	bearer string
	plain  *postgres.Pool // of the direct side
	closes []func()
}

// benchDraw compares draws over HTTP, API log included, with direct SQL.
func benchDraw(ctx context.Context, e *env) error {
	b := &drawBench{env: e}
	defer b.stop()
	if err := b.serve(ctx); err != nil {
		return err
	}
	e.printf("Draws on an uncapped tier, %d connections, %d rounds of %s a side, in turns\n", drawConnections, e.rounds, e.length)
	medians, err := e.alternate(ctx,
		side{"direct SQL, one draw per call", b.direct},
		side{"HTTP with the API log", b.http},
		side{fmt.Sprintf("batched ceiling, %d draws per transaction", drawBatch), b.batched},
	)
	if err != nil {
		return err
	}
	e.printf("HTTP / direct SQL = %.2f (aim %.2f); batched / direct SQL = %.2f\n",
		medians[1]/medians[0], drawAim, medians[2]/medians[0])
	return nil
}

func (b *drawBench) onStop(f func()) { b.closes = append(b.closes, f) }

func (b *drawBench) stop() {
	for i := len(b.closes) - 1; i >= 0; i-- {
		b.closes[i]()
	}
}

func (b *drawBench) openPool(ctx context.Context, conns int32) (*postgres.Pool, error) {
	pool, err := b.pool(ctx, conns)
	if err == nil {
		b.onStop(pool.Close)
	}
	return pool, err
}

// serve starts the public port as `sespan serve` does.
func (b *drawBench) serve(ctx context.Context) error {
	pools := make([]*postgres.Pool, 3)
	for i := range pools {
		var err error
		if pools[i], err = b.openPool(ctx, 2); err != nil {
			return err
		}
	}
	var err error
	if b.plain, err = b.openPool(ctx, drawConnections); err != nil {
		return err
	}
	ring, err := secret.Parse(secret.Generate("bench"))
	if err != nil {
		return err
	}
	reg, logger := prometheus.NewRegistry(), slog.New(slog.DiscardHandler)
	log := apilog.New(postgres.NewAPILog(pools[0]), apilog.Options{Logger: logger, Registerer: reg})
	b.onStop(log.Close)
	b.store = postgres.NewTransactions(pools[1])
	b.epochs = transaction.NewEpochs(b.store, ring, rand.Reader)
	b.draws = transaction.NewService(transaction.Config{Store: b.store, Epochs: b.epochs, Registerer: reg, Minor: 2})
	b.onStop(b.draws.Close)
	keys := postgres.NewKeys(pools[2])
	_, key, err := access.Keeper{Store: keys, Clock: time.Now}.Create(ctx, access.RoleService, "bench", 0)
	if err != nil {
		return err
	}
	b.bearer = "Bearer " + key
	handler := httpapi.New(httpapi.Deps{ //nolint:contextcheck // a request brings its own context
		Logger: logger, Registerer: reg, Clock: time.Now, Version: "bench", Timeout: 10 * time.Second,
		Keys: access.NewAuthenticator(keys, time.Now, logger), Log: log, Draws: b.draws, Minor: 2,
	})
	return b.listen(ctx, handler)
}

func (b *drawBench) listen(ctx context.Context, handler http.Handler) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	b.addr = l.Addr().String()
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	go server.Serve(l)                  //nolint:errcheck // ends with Close
	b.onStop(func() { _ = server.Close() })
	return nil
}

// order gives the next order, which nobody has drawn.
func (b *drawBench) order() (customer int64, ref string) {
	n := b.orders.Add(1)
	return n%drawCustomers + 1, fmt.Sprintf("bench-%d", n)
}

func (b *drawBench) http(ctx context.Context) (float64, error) {
	wires := make([]*wire, drawConnections)
	for i := range wires {
		var err error
		if wires[i], err = dial(ctx, b.addr); err != nil {
			return 0, err
		}
		defer wires[i].conn.Close() //nolint:errcheck // the round is over
	}
	return parallel(ctx, drawConnections, b.length, func(worker int) error {
		customer, ref := b.order()
		body := fmt.Appendf(nil, `{"customer_id":"%d","order_ref":"%s","transaction_amount":"150000.00"}`, customer, ref)
		status, err := wires[worker].post("/v1/transactions", b.bearer, body)
		if err == nil && status != http.StatusCreated {
			err = fmt.Errorf("status %d", status)
		}
		return err
	})
}

func (b *drawBench) direct(ctx context.Context) (float64, error) {
	amount := pgtype.Numeric{Int: big.NewInt(15000000), Exp: -2, Valid: true}
	return parallel(ctx, drawConnections, b.length, func(int) error {
		customer, ref := b.order()
		number := pgtype.Numeric{Int: new(big.Int).SetUint64(mathrand.Uint64()), Valid: true} //nolint:gosec // a measurement
		var id, tier int64
		var won bool
		var pays pgtype.Numeric
		return b.plain.QueryRow(ctx, drawDirectSQL, customer, ref, amount, number).Scan(&id, &tier, &won, &pays)
	})
}

// batched is what the database can do when nothing but batches reaches it: two
// connections, no HTTP and no log.
func (b *drawBench) batched(ctx context.Context) (float64, error) {
	day, err := b.today(ctx)
	if err != nil {
		return 0, err
	}
	epoch := &transaction.Epoch{Day: day}
	rate, err := parallel(ctx, 2, b.length, func(int) error {
		batch := transaction.Batch{Epoch: epoch, Version: 1, Minor: 2, Draws: make([]transaction.Draw, drawBatch)}
		for i := range batch.Draws {
			o := transaction.Order{Amount: decimal.New(150000, 0)}
			o.CustomerID, o.OrderRef = b.order()
			batch.Draws[i] = transaction.Draw{Order: o, Number: epoch.Number(o)}
		}
		return b.store.Draw(ctx, batch, func([]transaction.Result) []apilog.Entry { return nil })
	})
	return rate * drawBatch, err
}

func (b *drawBench) today(ctx context.Context) (time.Time, error) {
	if _, err := b.epochs.Ensure(ctx); err != nil {
		return time.Time{}, err
	}
	e, err := b.store.EpochToday(ctx)
	return e.Day, err
}
