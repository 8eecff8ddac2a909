package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

const (
	halfSentCalls  = 1000
	halfSentLength = 490_000
	halfSentHold   = 3 * time.Second
)

// halfSent begins a thousand events of 490 KB and never ends them, with no signature and
// with one that looks right, and looks at the service's memory meanwhile.
func (b *attackBench) halfSent(ctx context.Context) error {
	if err := b.start(ctx); err != nil {
		return err
	}
	defer b.service.Stop()
	for name, signature := range map[string]string{
		"without a signature":       "",
		"with one that looks right": fmt.Sprintf("Sespan-Signature: t=%d,k=relay-1,v1=%s\r\n", time.Now().Unix(), strings.Repeat("ab", 32)),
		"of a form that is off":     "X-Amz-Sns-Message-Type: Notification\r\n",
	} {
		most, err := b.hold(ctx, signature)
		if err != nil {
			return err
		}
		b.report.AtMost(fmt.Sprintf("memory beside %d half-sent bodies %s", halfSentCalls, name), most, attackMemory, "MB")
	}
	return nil
}

// hold keeps the bodies half-sent for a while and gives the most memory.
func (b *attackBench) hold(ctx context.Context, signature string) (most float64, err error) {
	over := make(chan struct{})
	var wg sync.WaitGroup
	for n := range halfSentCalls {
		wg.Go(func() { b.begin(ctx, n, signature, over) })
	}
	defer wg.Wait()
	defer close(over)
	for end := time.Now().Add(halfSentHold); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		mb, err := b.service.Resident()
		if err != nil {
			return most, err
		}
		most = max(most, mb)
	}
	return most, ctx.Err()
}

// begin sends most of a body and waits until it is over. The service may hang up on it.
func (b *attackBench) begin(ctx context.Context, n int, signature string, over <-chan struct{}) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", b.service.Addr)
	if err != nil {
		return
	}
	defer func() { <-over; conn.Close() }() //nolint:errcheck // it is over
	if err := conn.SetDeadline(time.Now().Add(halfSentHold + 10*time.Second)); err != nil {
		return
	}
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: attack\r\nX-Forwarded-For: 10.1.%d.%d\r\n%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n",
		eventsPath, n>>8&255, n&255, signature, halfSentLength)
	io.WriteString(conn, head+strings.Repeat("x", halfSentLength*9/10)) //nolint:errcheck // the service may hang up
}
