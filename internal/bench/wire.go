package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// wire is a kept HTTP/1.1 connection that does as little as a load generator
// may, because it shares the cores with what it measures.
type wire struct {
	conn net.Conn
	r    *bufio.Reader
	out  bytes.Buffer
}

func dial(ctx context.Context, addr string) (*wire, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return &wire{conn: conn, r: bufio.NewReader(conn)}, nil
}

// post sends a JSON body and gives the answer's status.
func (w *wire) post(path, authorization string, body []byte) (int, error) {
	w.out.Reset()
	fmt.Fprintf(&w.out, "POST %s HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nAuthorization: %s\r\nContent-Length: %d\r\n\r\n",
		path, authorization, len(body))
	w.out.Write(body)
	if err := w.conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return 0, err
	}
	if _, err := w.conn.Write(w.out.Bytes()); err != nil {
		return 0, err
	}
	return w.answer()
}

func (w *wire) answer() (int, error) {
	line, err := w.r.ReadSlice('\n')
	if err != nil || len(line) < 12 {
		return 0, fmt.Errorf("status line %q: %w", line, err)
	}
	status, err := strconv.Atoi(string(line[9:12]))
	if err != nil {
		return 0, err
	}
	length := 0
	for {
		if line, err = w.r.ReadSlice('\n'); err != nil {
			return 0, err
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		if bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, err
			}
		}
	}
	_, err = io.CopyN(io.Discard, w.r, int64(length))
	return status, err
}

// parallel calls work from n goroutines, again and again until the length is
// over, and gives calls per second. work gets its goroutine's number.
func parallel(ctx context.Context, n int, length time.Duration, work func(worker int) error) (float64, error) {
	var wg sync.WaitGroup
	var done atomic.Int64
	errs := make(chan error, n)
	start := time.Now()
	for i := range n {
		wg.Go(func() {
			for time.Since(start) < length && ctx.Err() == nil {
				if err := work(i); err != nil {
					errs <- err
					return
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	rate := float64(done.Load()) / time.Since(start).Seconds()
	select {
	case err := <-errs:
		return 0, err
	default:
		return rate, ctx.Err()
	}
}
