package main

import (
	"context"
	"crypto/rand"
	_ "embed"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/shopspring/decimal"

	"sespan/internal/apilog"
	"sespan/internal/devtools/testbed"
	"sespan/internal/postgres"
	"sespan/internal/transaction"
)

const (
	drawConnections = 16   // of the load, on either side
	drawBatch       = 16   // orders per statement of the ceiling
	drawTarget      = 0.35 // share of direct SQL
)

//go:embed draw_direct.sql
var drawDirectSQL string

// drawBench holds the three sides: HTTP, direct SQL, and batches without HTTP.
type drawBench struct {
	*env
	orders atomic.Int64
	store  *postgres.Transactions
	bearer string
	plain  *postgres.Pool // of the direct side
}

// benchDraw compares draws over HTTP, API log included, with direct SQL.
func benchDraw(ctx context.Context, e *env) error {
	b := &drawBench{env: e}
	if err := e.serve(ctx, "api,maintenance"); err != nil {
		return err
	}
	var err error
	if b.bearer, err = e.Bearer(ctx); err != nil {
		return err
	}
	if b.plain, err = e.Pool(ctx, drawConnections); err != nil {
		return err
	}
	defer b.plain.Close()
	batches, err := e.Pool(ctx, 2)
	if err != nil {
		return err
	}
	defer batches.Close()
	b.store = postgres.NewTransactions(batches)
	e.printf("\nDraws on an uncapped tier, %d connections\n", drawConnections)
	medians, err := e.alternate(ctx,
		side{"direct SQL, one draw per call", b.direct},
		side{"HTTP with the API log", b.http},
		side{fmt.Sprintf("batched ceiling, %d per transaction", drawBatch), b.batched},
	)
	if err != nil {
		return err
	}
	e.report.Share("draws over HTTP with the API log / direct SQL", medians[1]/medians[0], drawTarget)
	e.report.Share("batched ceiling / direct SQL", medians[2]/medians[0], 0)
	return nil
}

// order gives the next order, not drawn yet.
func (b *drawBench) order() (customer int64, ref string) {
	n := b.orders.Add(1)
	return n%testbed.Customers + 1, fmt.Sprintf("bench-%d", n)
}

func (b *drawBench) http(ctx context.Context) (sample, error) {
	list, closing, err := dialAll(ctx, b.service.Addr, drawConnections)
	if err != nil {
		return sample{}, err
	}
	defer closing()
	return b.sample(func() (float64, error) {
		return parallel(ctx, drawConnections, b.length, func(worker int) (bool, error) {
			customer, ref := b.order()
			body := fmt.Appendf(nil, `{"customer_id":"%d","order_ref":"%s","transaction_amount":"150000.00"}`, customer, ref)
			return true, list[worker].post("/v1/transactions", b.bearer, body, http.StatusCreated)
		})
	})
}

func (b *drawBench) direct(ctx context.Context) (sample, error) {
	amount := pgtype.Numeric{Int: big.NewInt(15000000), Exp: -2, Valid: true}
	return b.sample(func() (float64, error) {
		return parallel(ctx, drawConnections, b.length, func(int) (bool, error) {
			customer, ref := b.order()
			number := pgtype.Numeric{Int: new(big.Int).SetUint64(mathrand.Uint64()), Valid: true} //nolint:gosec // a measurement
			var id, tier int64
			var won bool
			var pays pgtype.Numeric
			return true, b.plain.QueryRow(ctx, drawDirectSQL, customer, ref, amount, number).Scan(&id, &tier, &won, &pays)
		})
	})
}

// batched is what the database can do when nothing but batches reaches it: two
// connections, no HTTP and no log.
func (b *drawBench) batched(ctx context.Context) (sample, error) {
	day, err := b.today(ctx)
	if err != nil {
		return sample{}, err
	}
	epoch := &transaction.Epoch{Day: day}
	return b.sample(func() (float64, error) {
		calls, err := parallel(ctx, 2, b.length, func(int) (bool, error) {
			batch := transaction.Batch{Epoch: epoch, Version: 1, Minor: 2, Draws: make([]transaction.Draw, drawBatch)}
			for i := range batch.Draws {
				o := transaction.Order{Amount: decimal.New(150000, 0)}
				o.CustomerID, o.OrderRef = b.order()
				batch.Draws[i] = transaction.Draw{Order: o, Number: epoch.Number(o)}
			}
			return true, b.store.Draw(ctx, batch, func([]transaction.Result) []apilog.Entry { return nil })
		})
		return calls * drawBatch, err
	})
}

func (b *drawBench) today(ctx context.Context) (time.Time, error) {
	if _, err := transaction.NewEpochs(b.store, b.Ring, rand.Reader).Ensure(ctx); err != nil {
		return time.Time{}, err
	}
	e, err := b.store.EpochToday(ctx)
	return e.Day, err
}
