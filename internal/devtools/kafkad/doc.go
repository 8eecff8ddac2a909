// Package kafkad starts a real Apache Kafka for tests, measurements and the fault campaign:
// one node, or a cluster, in KRaft mode on free ports of loopback with a folder of
// its own, which goes with it. Nothing is installed: `make .cache/kafka/.ready` fetches the
// jars (jars.txt, with their sums) from Maven Central, and Java 17 or newer runs them.
//
// A node has four listeners: plain, SASL (PLAIN, SCRAM-SHA-256 and -512), TLS that asks for
// a client's certificate, and SASL over TLS; a fifth where clients come by an address that
// is not the node's own (Options.Advertise). Who comes by the plain one may do everything;
// others what Grants say.
package kafkad
