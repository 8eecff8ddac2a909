package smtptest

import (
	"bytes"
	"net"
	"sync"
	"time"
)

// delayedConn is a connection whose writes arrive a round trip later; any number of
// them is under way at once.
type delayedConn struct {
	net.Conn
	delay   time.Duration
	packets chan packet
	closed  chan struct{}
	once    sync.Once
}

type packet struct {
	due   time.Time
	bytes []byte
}

func newDelayedConn(c net.Conn, delay time.Duration) *delayedConn {
	d := &delayedConn{Conn: c, delay: delay, packets: make(chan packet, 1024), closed: make(chan struct{})}
	go d.deliver()
	return d
}

// deliver ends when the connection is closed and the last packet is out.
func (d *delayedConn) deliver() {
	defer d.Conn.Close() //nolint:errcheck // nobody is left to tell
	for {
		select {
		case p := <-d.packets:
			time.Sleep(time.Until(p.due))
			if _, err := d.Conn.Write(p.bytes); err != nil {
				return
			}
		case <-d.closed:
			if len(d.packets) == 0 {
				return
			}
		}
	}
}

func (d *delayedConn) Write(p []byte) (int, error) {
	select {
	case d.packets <- packet{time.Now().Add(d.delay), bytes.Clone(p)}:
		return len(p), nil
	case <-d.closed:
		return 0, net.ErrClosed
	}
}

func (d *delayedConn) Close() error {
	d.once.Do(func() { close(d.closed) })
	return nil
}
