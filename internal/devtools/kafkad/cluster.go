package kafkad

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sync/errgroup"
)

// clusterID is any random uuid: clusters here are told apart by their ports.
const clusterID = "4L6g3nShT-eMCtK--X86sw"

// Cluster of one node or more.
type Cluster struct {
	Nodes   []*Node
	options Options
	folder  string
}

// New makes and starts a cluster, and waits until it serves.
func New(ctx context.Context, o Options) (*Cluster, error) {
	o.Nodes = cmp.Or(o.Nodes, 1)
	if o.Jars == "" {
		var err error
		if o.Jars, err = Jars(); err != nil {
			return nil, err
		}
	}
	if _, err := exec.LookPath("java"); err != nil {
		return nil, fmt.Errorf("kafkad: Java 17 or newer is needed (apt-get install openjdk-17-jre-headless): %w", err)
	}
	folder, err := os.MkdirTemp("", "kafkad-")
	if err != nil {
		return nil, err
	}
	c := &Cluster{options: o, folder: folder}
	if err = c.prepare(ctx); err == nil {
		err = c.each(func(n *Node) error {
			if err := n.format(ctx); err != nil {
				return err
			}
			return n.Start(ctx)
		})
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// prepare gives each node its ports and writes the files.
func (c *Cluster) prepare(ctx context.Context) error {
	for i := range c.options.Nodes {
		n := &Node{cluster: c, id: i + 1, folder: filepath.Join(c.folder, fmt.Sprint(i+1)), addresses: map[string]string{}}
		names := []Listener{Plain, SASL, WithTLS, SASLTLS, Outside}
		free, err := freeAddresses(ctx, 1+len(names))
		if err != nil {
			return err
		}
		n.controller = free[0]
		for j, name := range names {
			n.addresses[string(name)] = free[j+1]
		}
		if advertise := c.options.Advertise; advertise != nil {
			if n.advertised, err = advertise(n.addresses[string(Outside)]); err != nil {
				return err
			}
		}
		c.Nodes = append(c.Nodes, n)
	}
	for _, n := range c.Nodes {
		if err := os.Mkdir(n.folder, 0o700); err != nil {
			return err
		}
		if err := errors.Join(os.WriteFile(n.file("server.properties"), []byte(c.config(n)), 0o600),
			os.WriteFile(n.file("log4j2.properties"), []byte(logging), 0o600)); err != nil {
			return err
		}
	}
	return nil
}

// each does something with all nodes at once.
func (c *Cluster) each(do func(*Node) error) error {
	var group errgroup.Group
	for _, n := range c.Nodes {
		group.Go(func() error { return do(n) })
	}
	return group.Wait()
}

// Addresses of all nodes at a listener.
func (c *Cluster) Addresses(l Listener) []string {
	var addresses []string
	for _, n := range c.Nodes {
		addresses = append(addresses, n.addresses[string(l)])
	}
	return addresses
}

// Advertised are the addresses by which clients come to the listener Outside.
func (c *Cluster) Advertised() []string {
	var addresses []string
	for _, n := range c.Nodes {
		addresses = append(addresses, n.advertised)
	}
	return addresses
}

// Close kills the nodes and removes what they wrote.
func (c *Cluster) Close() error {
	for _, n := range c.Nodes {
		n.Kill()
	}
	return os.RemoveAll(c.folder)
}

// freeAddresses are of ports that nobody listens at now.
func freeAddresses(ctx context.Context, count int) ([]string, error) {
	var addresses []string
	for range count {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer func() { _ = l.Close() }() // not before all are known: none twice
		addresses = append(addresses, l.Addr().String())
	}
	return addresses, nil
}
