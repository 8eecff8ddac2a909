package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"sespan/internal/devtools/kafkad"
	"sespan/internal/devtools/rabbitmqd"
)

// brokers are real ones, a node each, that the first suite in need of them starts and all
// share: each site has names of its own there.
type brokers struct {
	rabbitMQ *rabbitmqd.Node
	kafka    *kafkad.Cluster
}

// start starts both. Their data is where PostgreSQL's is, so that no side has the disk alone.
func (b *brokers) start(ctx context.Context, dir string) (err error) {
	if b.kafka != nil {
		return nil
	}
	if dir != "" {
		if err := os.Setenv("TMPDIR", dir); err != nil {
			return err
		}
	}
	if b.rabbitMQ, err = rabbitmqd.Launch(ctx); err != nil {
		return err
	}
	b.kafka, err = kafkad.New(ctx, kafkad.Options{})
	return err
}

func (b *brokers) close() {
	if b.rabbitMQ != nil {
		_ = b.rabbitMQ.End() // its folder is a temporary one
	}
	if b.kafka != nil {
		_ = b.kafka.Close() // likewise
	}
}

func (b *brokers) rabbitMQURL() string {
	return fmt.Sprintf("amqp://%s:%s@%s/", rabbitmqd.Guest, rabbitmqd.Guest, b.rabbitMQ.AMQP)
}

func (b *brokers) kafkaURL() string { return "kafka://" + b.kafka.Addresses(kafkad.Plain)[0] }

// cpu is the processor time of both: they are children of this process, by these names.
func (b *brokers) cpu() (sum time.Duration) {
	if b.rabbitMQ == nil {
		return 0
	}
	own := strconv.Itoa(os.Getpid())
	names, _ := filepath.Glob("/proc/[0-9]*/comm")
	for _, path := range names {
		name, err := os.ReadFile(path) //nolint:gosec // of /proc
		if err != nil {
			continue
		}
		pid := filepath.Base(filepath.Dir(path))
		if program := strings.TrimSpace(string(name)); (program == "java" || program == "beam.smp") && parent(pid) == own {
			sum += processTime(pid)
		}
	}
	return sum
}

// fleet are three sites that send to one sink, each in its way: PostgreSQL alone, RabbitMQ,
// Kafka. Each has a PostgreSQL of its own, so that all are warm and one has work at a time.
type fleet struct {
	sites []*mailBench
	names []string
}

func newFleet(ctx context.Context, e *env, o sinkOptions) (f *fleet, err error) {
	if err := e.brokers.start(ctx, e.options.Dir); err != nil {
		return nil, err
	}
	e.broker = ""
	first, err := newMailBench(ctx, e, o)
	if err != nil {
		return nil, err
	}
	f = &fleet{sites: []*mailBench{first}, names: []string{"PostgreSQL alone", "RabbitMQ", "Kafka"}}
	for _, url := range []string{e.brokers.rabbitMQURL(), e.brokers.kafkaURL()} {
		if err := f.add(ctx, url); err != nil {
			f.close()
			return nil, err
		}
	}
	return f, nil
}

// add adds a site that uses a broker.
func (f *fleet) add(ctx context.Context, url string) error {
	own := f.sites[0].options
	own.broker = url
	e, err := newEnv(ctx, own)
	if err != nil {
		return err
	}
	b, err := newMails(e)
	if err != nil {
		return errors.Join(err, ctx.Err())
	}
	b.sink = f.sites[0].sink
	f.sites = append(f.sites, b)
	return nil
}

// start starts a worker, and an announcer, at each site.
func (f *fleet) start(ctx context.Context) error {
	for i, b := range f.sites {
		if _, err := b.startWorker(ctx, mailConnections); err != nil {
			return fmt.Errorf("%s: %w", f.names[i], err)
		}
		if err := b.countWork(ctx); err != nil {
			return err
		}
	}
	return nil
}

// close ends the sites but the first, which belongs to the suite.
func (f *fleet) close() {
	for _, b := range f.sites[1:] {
		b.Close()
	}
}
