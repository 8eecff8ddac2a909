package kafkad

import (
	"context"
	"sync"
	"testing"
)

// Shared is one cluster for all tests of a binary, started by the first that asks; Close it
// in TestMain.
type Shared struct {
	Options Options

	once    sync.Once
	cluster *Cluster
	err     error
}

// Cluster gives it, started, and fails the test when that cannot be.
func (s *Shared) Cluster(tb testing.TB) *Cluster {
	tb.Helper()
	s.once.Do(func() { s.cluster, s.err = New(context.Background(), s.Options) })
	if s.err != nil {
		tb.Fatal(s.err)
	}
	return s.cluster
}

// Close ends the cluster, if there is one.
func (s *Shared) Close() error {
	if s.cluster == nil {
		return nil
	}
	return s.cluster.Close()
}
