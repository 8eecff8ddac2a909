package httpapi

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/shopspring/decimal"

	"sespan/internal/access"
	"sespan/internal/problem"
	"sespan/internal/transaction"
)

const (
	exportUntil       = "Sespan-Export-Until"
	exportDays        = 30 // the range where no from is given
	exportsPerCaller  = 2  // of a key, or of a person of the staff
	exportsPerProcess = 4
	exportRetry       = 15 * time.Second
	exportPiece       = 64 << 10 // bytes that are sent at once
)

// exportService makes exports: transaction.Exports.
type exportService interface {
	Begin(ctx context.Context, f transaction.Filter) (*transaction.Export, error)
}

// exportCalls streams exports, few at a time.
type exportCalls struct {
	exports exportService
	audit   access.Auditor
	minor   transaction.Minor
	stall   time.Duration
	slots   exportSlots
}

func newExportCalls(d Deps) *exportCalls {
	return &exportCalls{exports: d.Exports, audit: d.Audit, minor: d.Minor, stall: cmp.Or(d.StreamStall, streamStall)}
}

// begin enters the export in the audit and fixes what it holds; the rest happens while
// it is sent.
func (h *exportCalls) begin(ctx context.Context, f transaction.Filter, filters string) (*huma.StreamResponse, error) {
	if f.From.IsZero() {
		until := f.To
		if until.IsZero() {
			until = time.Now()
		}
		f.From = until.AddDate(0, 0, -exportDays).UTC()
	}
	release, err := h.slots.take(ctx)
	if err != nil {
		return nil, err
	}
	export, err := h.exports.Begin(ctx, f)
	if err == nil {
		err = h.audit.Enter(ctx, access.AuditEntry{Action: access.AuditExport, Subject: access.AuditTransaction, Detail: filters})
	}
	if err != nil {
		release()
		return nil, err
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) { //nolint:contextcheck // it is the same request's
		defer release()
		h.send(ctx, export)
	}}, nil
}

func (h *exportCalls) send(ctx huma.Context, export *transaction.Export) {
	ctx.SetHeader("Content-Type", csvMediaType)
	ctx.SetHeader("Content-Disposition", `attachment; filename="transactions.csv"`)
	ctx.SetHeader(exportUntil, export.Until.UTC().Format(time.RFC3339Nano))
	out := beginStream(ctx, h.stall)
	w := entryWriter{out: out, minor: h.minor, zero: h.minor.Format(decimal.Zero)}
	w.table.header("entry", "entry_time", "transaction_id", "customer_id", "username", "order_ref", "tier_id", "tier_name", "discounted",
		"gross_amount", "gross_discount", "cancelled_amount", "cancelled_discount", "net_amount", "net_discount")
	err := export.Each(ctx.Context(), w.entries)
	if err == nil {
		err = w.flush()
	}
	if err != nil {
		out.abort()
		c := requestContextOf(ctx.Context())
		if !errors.Is(err, context.Canceled) {
			c.logger.WarnContext(ctx.Context(), "export was cut off", "error", err)
		}
	}
}

// entryWriter writes entries as CSV.
type entryWriter struct {
	out   *stream
	table csvTable
	minor transaction.Minor
	zero  string
}

func (w *entryWriter) entries(entries []transaction.Entry) error {
	for _, e := range entries {
		w.entry(e)
		if len(w.table.buf) >= exportPiece {
			if err := w.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *entryWriter) flush() error {
	_, err := w.out.Write(w.table.take())
	return err
}

func (w *entryWriter) entry(e transaction.Entry) {
	t := &w.table
	amount, discount := w.minor.Format(e.Amount), w.minor.Format(e.Discount())
	if e.Cancellation {
		t.value("cancellation")
	} else {
		t.value("draw")
	}
	t.value(e.At().UTC().Format(time.RFC3339Nano))
	t.value(strconv.FormatInt(e.ID, 10))
	t.value(strconv.FormatInt(e.CustomerID, 10))
	t.text(textOf(e.Username))
	t.text(e.OrderRef)
	if e.TierID != nil {
		t.value(strconv.FormatInt(*e.TierID, 10))
	} else {
		t.value("")
	}
	t.text(textOf(e.TierName))
	t.value(strconv.FormatBool(e.Discounted))
	cells := [...]string{amount, discount, w.zero, w.zero, amount, discount}
	if e.Cancellation {
		cells = [...]string{w.zero, w.zero, amount, discount, w.negative(amount), w.negative(discount)}
	}
	for _, cell := range cells {
		t.value(cell)
	}
	t.end()
}

func (w *entryWriter) negative(amount string) string {
	if amount == w.zero {
		return amount
	}
	return "-" + amount
}

func textOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// exportSlots counts the exports that are under way.
type exportSlots struct {
	mu      sync.Mutex
	all     int
	callers map[string]int
}

// take gives a slot to the caller, who gives it back with release.
func (s *exportSlots) take(ctx context.Context) (release func(), err error) {
	p, _ := access.From(ctx)
	caller := string(p.Kind) + " " + p.KeyID + " " + p.Subject
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.callers[caller] >= exportsPerCaller:
		return nil, problem.Newf(problem.TooManyExports, "At most %d exports of one caller run at once; wait for one to end.", exportsPerCaller).WithRetryAfter(exportRetry)
	case s.all >= exportsPerProcess:
		return nil, problem.Newf(problem.TooManyExports, "At most %d exports run at once; try again later.", exportsPerProcess).WithRetryAfter(exportRetry)
	}
	if s.callers == nil {
		s.callers = map[string]int{}
	}
	s.all++
	s.callers[caller]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.all--
		if s.callers[caller]--; s.callers[caller] == 0 {
			delete(s.callers, caller)
		}
	}, nil
}

// prefersCSV tells whether an Accept header asks for CSV rather than JSON.
func prefersCSV(accept string) bool {
	csv, other := 0.0, 0.0
	for _, part := range strings.Split(accept, ",") {
		media, parameters, _ := strings.Cut(part, ";")
		q := 1.0
		for _, parameter := range strings.Split(parameters, ";") {
			if value, ok := strings.CutPrefix(strings.TrimSpace(parameter), "q="); ok {
				if parsed, err := strconv.ParseFloat(value, 64); err == nil {
					q = parsed
				}
			}
		}
		switch strings.ToLower(strings.TrimSpace(media)) {
		case "text/csv":
			csv = max(csv, q)
		case "application/json":
			other = max(other, q)
		}
	}
	return csv > other
}
