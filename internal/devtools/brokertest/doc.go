// Package brokertest holds each way of dispatch to the same rules: PostgreSQL alone, a
// broker in memory (Memory), RabbitMQ and Apache Kafka.
//
//	func TestConformance(t *testing.T) {
//		brokertest.Run(t, brokertest.Backend{Connect: …, Cut: …})
//	}
//
// Each case has a database, a site (names at the broker) and a counting mail server of
// its own, so that the cases run in parallel at one broker. The rule of all: each row that
// was enqueued is sent exactly once, whatever announcements do.
package brokertest
