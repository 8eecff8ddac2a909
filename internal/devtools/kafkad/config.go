package kafkad

import (
	"fmt"
	"path/filepath"
	"strings"
)

// config is a node's server.properties: the file is the whole configuration.
func (c *Cluster) config(n *Node) string {
	var b strings.Builder
	set := func(name, format string, args ...any) { fmt.Fprintf(&b, name+"="+format+"\n", args...) }
	replicas := len(c.Nodes)
	set("process.roles", "broker,controller")
	set("node.id", "%d", n.id)
	set("controller.quorum.voters", "%s", c.voters())
	c.listeners(n, set)
	set("log.dirs", "%s", filepath.Join(n.folder, "data"))
	set("offsets.topic.replication.factor", "%d", replicas)
	set("transaction.state.log.replication.factor", "%d", replicas)
	set("transaction.state.log.min.isr", "1")
	set("share.coordinator.state.topic.replication.factor", "%d", replicas)
	set("share.coordinator.state.topic.min.isr", "1")
	for _, topic := range []string{"offsets.topic", "transaction.state.log", "share.coordinator.state.topic"} {
		set(topic+".num.partitions", "4")
	}
	set("group.initial.rebalance.delay.ms", "0")
	set("auto.create.topics.enable", "false")
	set("min.insync.replicas", "%d", min(replicas, 3)/2+1)
	// Without these a restart after a kill waits until the dead broker's registration has lapsed, 9 s by default.
	set("broker.session.timeout.ms", "2000")
	set("broker.heartbeat.interval.ms", "500")
	set("log.cleaner.dedupe.buffer.size", "2097152") // 128 MB, else
	set("num.network.threads", "2")
	set("num.io.threads", "4")
	set("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer")
	set("super.users", "User:ANONYMOUS")
	return b.String()
}

// listeners writes what the node listens at, and who may come in.
func (c *Cluster) listeners(n *Node, set func(name, format string, args ...any)) {
	names := []string{"PLAINTEXT", "SASL"}
	if c.options.TLS != nil {
		names = append(names, "TLS", "SASLTLS")
	}
	var listen, advertised []string
	for _, name := range names {
		advertised = append(advertised, name+"://"+n.addresses[name])
	}
	listen = append(append(listen, advertised...), "CONTROLLER://"+n.controller)
	if n.advertised != "" {
		listen, advertised = append(listen, "OUTSIDE://"+n.addresses["OUTSIDE"]), append(advertised, "OUTSIDE://"+n.advertised)
	}
	set("listeners", "%s", strings.Join(listen, ","))
	set("advertised.listeners", "%s", strings.Join(advertised, ","))
	set("listener.security.protocol.map", "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL:SASL_PLAINTEXT,TLS:SSL,SASLTLS:SASL_SSL,OUTSIDE:PLAINTEXT")
	set("controller.listener.names", "CONTROLLER")
	set("inter.broker.listener.name", "PLAINTEXT")
	var users strings.Builder
	for _, u := range c.options.Users {
		fmt.Fprintf(&users, " user_%s=%q", u.Name, u.Password)
	}
	for _, name := range []string{"sasl", "sasltls"} {
		set("listener.name."+name+".sasl.enabled.mechanisms", "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512")
		set("listener.name."+name+".plain.sasl.jaas.config", "org.apache.kafka.common.security.plain.PlainLoginModule required%s;", users.String())
		for _, scram := range []string{"scram-sha-256", "scram-sha-512"} {
			set("listener.name."+name+"."+scram+".sasl.jaas.config", "org.apache.kafka.common.security.scram.ScramLoginModule required;")
		}
	}
	if t := c.options.TLS; t != nil {
		set("ssl.keystore.type", "PEM")
		set("ssl.keystore.location", "%s", t.KeyAndChain)
		set("ssl.truststore.type", "PEM")
		set("ssl.truststore.location", "%s", t.ClientCA)
		set("listener.name.tls.ssl.client.auth", "required")
	}
}

func (c *Cluster) voters() string {
	var voters []string
	for _, n := range c.Nodes {
		voters = append(voters, fmt.Sprintf("%d@%s", n.id, n.controller))
	}
	return strings.Join(voters, ",")
}

// logging sends warnings to the standard output.
const logging = `rootLogger.level=warn
rootLogger.appenderRef.out.ref=out
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{ISO8601} %p %c{1}: %m%n
`
