// Package kafka carries announcements of mails through Apache Kafka (3.3 or later).
//
//	announcer ── Publish ──▶ PREFIX.mail.urgent, .normal, .bulk ──▶ group PREFIX.mail ──▶ Deliveries
//	                         24 partitions each                     (one client a consumer)
//	                                 └── no announcement of ours ──▶ PREFIX.mail.dead
//
// Records have no key and go round the partitions. Which mail is next is the window's
// affair: an announcement that is made again, because nobody claimed the row, goes to
// another partition, and so past a consumer that is stuck.
//
// Kafka is told offsets, not messages: of each partition the longest acknowledged prefix
// (ledger), every 100 ms, before partitions go to others, and at the end. Deliveries are
// acknowledged as soon as a claim is committed, or after two seconds, so that a prefix does
// not stand still; and what comes again after a crash is looked at once more and is stale.
//
// A fetch brings all lanes. What was received is handed over one by one, the urgent lane
// first; a lane of which enough is in hand is paused at the client, so that it does not
// fill the fetches of the others.
//
// A consumer without room for three seconds leaves the group and joins again when it has
// some: it would hold its partitions otherwise, and a partition is nobody else's. One that
// is killed or stopped loses them when its session of six seconds ends. Cooperative
// rebalancing leaves the partitions of the others alone.
//
// # Rights
//
// By ACLs of the user, all on names that begin with the prefix: Describe, DescribeConfigs,
// Read and Write on the topics PREFIX.mail. (prefixed), Create on them unless somebody else
// makes them, Describe and Read on the group PREFIX.mail. No right on the cluster is needed.
// Without DescribeConfigs the topics' cleanup policy is taken on trust.
package kafka
