package main

import (
	"context"
	"errors"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"

	"sespan/internal/devtools/rabbitmqd"
)

// newRabbitMQ starts a node or a cluster.
func newRabbitMQ(ctx context.Context, size int) (*broker, error) {
	var nodes []*rabbitmqd.Node
	var err error
	if size == 1 {
		nodes = make([]*rabbitmqd.Node, 1)
		nodes[0], err = rabbitmqd.Launch(ctx)
	} else {
		nodes, err = rabbitmqd.LaunchCluster(ctx, size)
	}
	if err != nil {
		return nil, err
	}
	b := &broker{kind: "amqp", close: func() error { return rabbitmqd.EndCluster(nodes) }}
	var addresses []string
	for _, n := range nodes {
		address, err := b.way(ctx, n.AMQP)
		if err != nil {
			return nil, errors.Join(err, b.end())
		}
		addresses = append(addresses, address)
		b.nodes = append(b.nodes, brokerNode{kill: n.Kill, start: n.Restart})
	}
	b.url = "amqp://" + rabbitmqd.Guest + ":" + rabbitmqd.Guest + "@" + strings.Join(addresses, ",") + "/"
	first := nodes[0]
	b.wipe = func(ctx context.Context) error { return errors.Join(first.Wipe(), first.Restart(ctx)) }
	b.refuse = func(ctx context.Context, on bool) error {
		_, err := first.Control(ctx, "set_vm_memory_high_watermark", map[bool]string{true: "0.000001", false: "0.4"}[on])
		return err
	}
	b.stray = func(ctx context.Context, body []byte) error {
		return withChannel(first.AMQP, func(ch *amqp.Channel) error {
			return ch.PublishWithContext(ctx, "sespan.mail", "normal", true, false, amqp.Publishing{Body: body})
		})
	}
	b.dead = func(context.Context) (count int, err error) {
		err = withChannel(first.AMQP, func(ch *amqp.Channel) error {
			q, err := ch.QueueDeclarePassive("sespan.mail.dead", true, false, false, false, nil)
			count = q.Messages
			return err
		})
		return count, err
	}
	return b, nil
}

func withChannel(address string, do func(*amqp.Channel) error) error {
	conn, err := amqp.Dial("amqp://" + rabbitmqd.Guest + ":" + rabbitmqd.Guest + "@" + address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	return errors.Join(do(ch), ch.Close())
}
