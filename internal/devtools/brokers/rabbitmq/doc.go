// Package rabbitmq has the tests of internal/rabbitmq against a real RabbitMQ (internal/devtools/rabbitmqd). They stand
// apart because they need one: `make test-broker` runs them, `make test-go` does not.
package rabbitmq
