package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// httpClient is a kept HTTP/1.1 connection that does as little as a load generator
// may, because it shares the cores with what it measures.
type httpClient struct {
	conn net.Conn
	r    *bufio.Reader
	out  bytes.Buffer
	in   bytes.Buffer // the last answer
}

func dial(ctx context.Context, addr string) (*httpClient, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return &httpClient{conn: conn, r: bufio.NewReader(conn)}, nil
}

// post sends a JSON body; an answer with another status than the wanted one is an
// error.
func (c *httpClient) post(path, authorization string, body []byte, wanted int) error {
	c.out.Reset()
	fmt.Fprintf(&c.out, "POST %s HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nAuthorization: %s\r\nContent-Length: %d\r\n\r\n",
		path, authorization, len(body))
	c.out.Write(body)
	if err := c.conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return err
	}
	if _, err := c.conn.Write(c.out.Bytes()); err != nil {
		return err
	}
	status, answer, err := c.answer()
	if err == nil && status != wanted {
		err = fmt.Errorf("POST %s answered %d: %s", path, status, answer)
	}
	return err
}

func (c *httpClient) answer() (status int, body []byte, err error) {
	line, err := c.r.ReadSlice('\n')
	if err != nil || len(line) < 12 {
		return 0, nil, fmt.Errorf("status line %q: %w", line, err)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, nil, err
	}
	length := 0
	for {
		if line, err = c.r.ReadSlice('\n'); err != nil {
			return 0, nil, err
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		if bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, nil, err
			}
		}
	}
	c.in.Reset()
	_, err = io.CopyN(&c.in, c.r, int64(length))
	return status, c.in.Bytes(), err
}

// dialAll opens n connections; the returned function closes them.
func dialAll(ctx context.Context, addr string, n int) (list []*httpClient, closing func(), err error) {
	closing = func() {
		for _, c := range list {
			c.conn.Close() //nolint:errcheck // the round is over
		}
	}
	for range n {
		c, err := dial(ctx, addr)
		if err != nil {
			closing()
			return nil, nil, err
		}
		list = append(list, c)
	}
	return list, closing, nil
}
