// Package kafka holds the tests that need a real Apache Kafka. They stand apart from
// internal/kafka, whose tests are quick: `make test-broker` runs them, `make test-go` does not.
package kafka
