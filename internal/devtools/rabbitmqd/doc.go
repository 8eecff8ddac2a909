// Package rabbitmqd runs a real RabbitMQ for tests: Debian's package and its Erlang, unpacked into .cache/rabbitmq by
// make, with nothing installed on the machine.
//
//	func TestMain(m *testing.M) { os.Exit(rabbitmqd.Main(m.Run)) }
//
//	func TestX(t *testing.T) {
//		t.Parallel()
//		node := rabbitmqd.Start(t) // one for all tests of the binary, each with names of its own
//		own := rabbitmqd.New(t)    // one that this test may kill, restart and fill up
//	}
//
// A node has a folder, ports, an epmd and an Erlang cookie of its own, listens on 127.0.0.1 alone, and runs as whoever
// runs the tests, root too. It and its epmd are ended with the test, or by the kernel when the test is killed.
//
//	Node ──▶ epmd            of its own: the one of the machine would outlive the test
//	     └─▶ beam.smp        by the package's own script; the fields AMQP and TLS are its listeners
//	           └─ crash      kill -9, and Restart on the same folder: what was confirmed is there
//
// LaunchCluster starts several nodes that share users and queues, by one epmd.
//
// The users are guest (everything, password guest), reader and writer (see definitions.go).
package rabbitmqd
