package main

import (
	"context"
	"time"
)

// slack is what a busy machine adds to a bound that follows from the settings.
const slack = 3 * time.Second

// brokerCase is one fault.
type brokerCase struct {
	name            string
	brokers         []string // that are needed; the processes begin with the last
	startAnnouncers int
	startSenders    int
	settings        []string
	urgent, others  time.Duration // how much longer a mail may take, see docs/brokers.md; 0: as long as the fault
	fault           func(context.Context, *brokerRun) error
	quick           bool // is in -quick too
}

// The bounds that docs/brokers.md has.
const (
	calmBound     = 1 * time.Second
	urgentUnsaid  = 4 * time.Second // announced, and nobody claims it: the fallback
	othersUnsaid  = 16 * time.Second
	withoutBroker = 5 * time.Second
	withoutAnyone = 6 * time.Second // no announcer lives
	lapsedLease   = 35 * time.Second
	// A mail waits for a connection while others wait for the answer to their final dot (2 minutes),
	// dials before the sender knows that its mail server is down (30 s), and is tried again.
	silentDialogue = 2*time.Minute + 30*time.Second + 15*time.Second
)

// brokerCases are all, those of one broker behind each other.
func brokerCases() (list []brokerCase) {
	for _, kind := range []string{"amqp", "kafka"} {
		for _, c := range oneNodeCases() {
			c.name, c.brokers = kind+"/"+c.name, []string{kind}
			list = append(list, c)
		}
	}
	list = append(list, brokerCase{
		name: "kafka/silent relay", brokers: []string{"kafka"}, startAnnouncers: 1, startSenders: 2, urgent: silentDialogue, others: silentDialogue, fault: silenceRelay,
	}, brokerCase{
		name: "switch", brokers: []string{"amqp", "kafka", ""}, startSenders: 2, urgent: urgentUnsaid, others: othersUnsaid, fault: switchAround, quick: true,
	})
	for _, kind := range []string{"amqp", "kafka"} {
		for _, c := range clusterCases() {
			c.name, c.brokers = kind+"3/"+c.name, []string{kind + "3"}
			list = append(list, c)
		}
	}
	return list
}

func oneNodeCases() []brokerCase {
	return []brokerCase{
		{name: "calm", startAnnouncers: 1, startSenders: 2, urgent: calmBound, others: calmBound, fault: nothing, quick: true},
		{name: "two announcers", startAnnouncers: 2, startSenders: 2, urgent: calmBound, others: calmBound, fault: nothing},
		{name: "one announcer", startAnnouncers: 2, startSenders: 2, urgent: urgentUnsaid, others: othersUnsaid, fault: killAnnouncers, quick: true},
		{name: "all announcers", startAnnouncers: 1, startSenders: 2, urgent: withoutAnyone, others: withoutAnyone, fault: withoutAnnouncer},
		{name: "senders", startAnnouncers: 1, startSenders: 2, urgent: lapsedLease, others: lapsedLease, fault: killSenders},
		{name: "come and go", startAnnouncers: 1, startSenders: 2, urgent: urgentUnsaid, others: othersUnsaid, fault: addAndRemoveSenders, quick: true},
		{name: "frozen sender", startAnnouncers: 1, startSenders: 3, urgent: lapsedLease, others: lapsedLease, fault: freezeSender},
		{name: "PostgreSQL", startAnnouncers: 1, startSenders: 2, fault: crashUnderBroker},
		{name: "broker", startAnnouncers: 1, startSenders: 2, urgent: withoutBroker, others: withoutBroker, fault: killBroker},
		{name: "broker, no fallback", startAnnouncers: 1, startSenders: 2, settings: []string{"SESPAN_BROKER_FALLBACK=none"}, fault: killBroker},
		{name: "data lost", startAnnouncers: 1, startSenders: 2, urgent: withoutBroker, others: othersUnsaid, fault: loseData},
		{name: "refuses", startAnnouncers: 1, startSenders: 2, urgent: withoutBroker, others: withoutBroker, fault: refusePublishing},
		{name: "network", startAnnouncers: 1, startSenders: 2, urgent: withoutBroker, others: othersUnsaid, fault: cutNetwork},
		{name: "confirmation", startAnnouncers: 1, startSenders: 2, urgent: urgentUnsaid, others: othersUnsaid, fault: loseConfirmations},
		{name: "strays", startAnnouncers: 1, startSenders: 2, urgent: urgentUnsaid, others: othersUnsaid, fault: sendStrays},
		{name: "window full", startAnnouncers: 1, settings: []string{"SESPAN_BROKER_WINDOW=100"}, fault: restartWithWindowFull},
	}
}

func clusterCases() []brokerCase {
	return []brokerCase{
		{name: "calm", startAnnouncers: 1, startSenders: 2, urgent: calmBound, others: calmBound, fault: nothing},
		{name: "node by node", startAnnouncers: 1, startSenders: 2, urgent: withoutBroker, others: othersUnsaid, fault: killNodeByNode},
		{name: "two of three", startAnnouncers: 1, startSenders: 2, urgent: withoutBroker, others: othersUnsaid, fault: killTwo},
		{name: "all nodes", startAnnouncers: 1, startSenders: 2, urgent: withoutBroker, others: othersUnsaid, fault: killBroker},
	}
}
