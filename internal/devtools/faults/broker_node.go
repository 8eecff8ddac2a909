package main

import (
	"context"
	"errors"
)

// broker is one that can be broken: a node or a cluster of three.
type broker struct {
	kind  string // amqp, kafka; "" for PostgreSQL alone
	url   string // by the proxies
	ways  []*proxy
	nodes []brokerNode

	wipe   func(context.Context) error              // the data of all nodes, while they run
	refuse func(ctx context.Context, on bool) error // takes connections and no announcement
	stray  func(ctx context.Context, body []byte) error
	dead   func(context.Context) (int, error) // dead letters
	close  func() error
}

type brokerNode struct {
	kill  func()
	start func(context.Context) error
}

// network changes the ways to all nodes.
func (b *broker) network(n network) {
	for _, p := range b.ways {
		p.set(n)
	}
}

// end ends the ways, then the nodes.
func (b *broker) end() error {
	for _, p := range b.ways {
		p.close()
	}
	if b.close == nil {
		return nil
	}
	return b.close()
}

// way adds a proxy to a node's address.
func (b *broker) way(ctx context.Context, to string) (address string, err error) {
	p, err := newProxy(ctx, to)
	if err != nil {
		return "", err
	}
	b.ways = append(b.ways, p)
	return p.address, nil
}

// startAll starts nodes at once: those of a cluster wait for each other.
func startAll(ctx context.Context, nodes []brokerNode) error {
	errs := make(chan error, len(nodes))
	for _, n := range nodes {
		go func() { errs <- n.start(ctx) }()
	}
	var all error
	for range nodes {
		all = errors.Join(all, <-errs)
	}
	return all
}
