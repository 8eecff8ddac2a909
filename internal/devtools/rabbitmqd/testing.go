package rabbitmqd

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
)

// shared is the node of all tests of a binary: begun by the first that needs one, ended by Main.
var shared struct {
	sync.Once
	node *Node
	err  error
}

// Main runs the tests of a package, by m.Run or another package's Main, and ends the node that they shared.
func Main(run func() int) int {
	code := run()
	if shared.node != nil {
		if err := shared.node.End(); err != nil {
			fmt.Fprintln(os.Stderr, "rabbitmqd:", err)
			return max(code, 1)
		}
	}
	return code
}

// Start gives the node that the tests of a binary share, which none may stop.
func Start(t testing.TB) *Node {
	t.Helper()
	shared.Do(func() { shared.node, shared.err = Launch(context.Background()) })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.node
}

// New starts a node for one test, which may do with it as it likes.
func New(t testing.TB) *Node {
	t.Helper()
	n, err := Launch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.End(); err != nil {
			t.Errorf("rabbitmqd: %v", err)
		}
	})
	return n
}
