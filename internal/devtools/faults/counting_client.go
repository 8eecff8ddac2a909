package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"sespan/internal/devtools/testbed"
)

// countingClient calls as a site does: what has no answer is called again.
type countingClient struct {
	*counting
	answers *answers
	number  int
	calls   int
}

// work draws until loaded ends, cancels every fifth order and asks for a code every third.
func (c *countingClient) work(ctx, loaded context.Context) {
	for i := 0; loaded.Err() == nil; i++ {
		order := fmt.Sprintf("c%d-%d", c.number, i)
		customer := (i*countingClients+c.number)%testbed.Customers + 1
		drawn := c.draw(ctx, order, customer, 400_000+(i%2)*200_000)
		if drawn != nil && i%5 == 4 {
			if _, answered := c.call(ctx, fmt.Sprintf("/v1/transactions/%d/cancel", drawn.TransactionID), nil, nil); answered {
				c.answers.cancel(order)
			}
		}
		if i%3 == 2 {
			c.code(ctx, customer)
		}
	}
}

// draw gives the answer, nil where ctx ended first.
func (c *countingClient) draw(ctx context.Context, order string, customer, amount int) *drawAnswer {
	var d drawAnswer
	body := map[string]any{"customer_id": customer, "order_ref": order, "transaction_amount": fmt.Sprintf("%d.00", amount)}
	var answered bool
	if d.responseID, answered = c.call(ctx, "/v1/transactions", body, &d); !answered {
		return nil
	}
	c.answers.draw(order, d)
	return &d
}

// code asks for a code and guesses a wrong one.
func (c *countingClient) code(ctx context.Context, customer int) {
	var issued struct {
		ChallengeID string `json:"challenge_id"`
	}
	if c.call(ctx, "/v1/otp", map[string]any{"customer_id": customer, "purpose": "login"}, &issued); issued.ChallengeID == "" {
		return // too soon after the last one
	}
	c.answers.code()
	c.call(ctx, "/v1/otp/"+issued.ChallengeID+"/verify", map[string]any{"otp_number": "000000"}, nil)
}

// call posts until there is an answer that is not "try again", and gives its id; false
// where ctx ended first.
func (c *countingClient) call(ctx context.Context, path string, body map[string]any, into any) (id string, answered bool) {
	text, err := json.Marshal(body)
	if err != nil {
		c.answers.fault("%v", err)
		return "", false
	}
	for ctx.Err() == nil {
		c.calls++
		id, status, err := c.post(ctx, "http://"+c.address(c.number+c.calls)+path, text, into)
		switch {
		case err != nil || status == http.StatusServiceUnavailable: // killed, or without its database
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
			continue
		case status >= http.StatusInternalServerError:
			c.answers.fault("POST %s answered %d", path, status)
		}
		return id, true
	}
	return "", false
}

func (c *countingClient) post(ctx context.Context, url string, body []byte, into any) (id string, status int, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return "", 0, err
	}
	r.Header.Set("Authorization", c.bearer)
	r.Header.Set("Content-Type", "application/json")
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", 0, err
	}
	defer a.Body.Close() //nolint:errcheck // it was read to its end
	if into != nil {
		err = json.NewDecoder(a.Body).Decode(into)
	}
	return a.Header.Get("X-Response-Id"), a.StatusCode, err
}
