package kafka

import "sespan/internal/mail"

func (o *Options) topic(l mail.Lane) string { return o.Prefix + ".mail." + l.String() }
func (o *Options) deadTopic() string        { return o.Prefix + ".mail.dead" }
func (o *Options) group() string            { return o.Prefix + ".mail" }

// laneTopics are in the order of the lanes.
func (o *Options) laneTopics() []string {
	var topics []string
	for l := range mail.Lane(mail.Lanes) {
		topics = append(topics, o.topic(l))
	}
	return topics
}
