package config

import (
	"regexp"

	"sespan/internal/mailevent"
)

// topicARN is the name of a topic of Amazon SNS.
var topicARN = regexp.MustCompile(`^arn:aws(-[a-z-]+)?:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?$`)

// resolveEvents reads the sources whose delivery events are believed.
func (s *Settings) resolveEvents() error {
	if err := optionalSecret(&s.MailEventKeys, s.MailEventKeysFile, "SESPAN_MAIL_EVENT_KEYS"); err != nil {
		return err
	}
	keys, err := mailevent.ParseKeys(s.MailEventKeys)
	if err != nil {
		return invalid("SESPAN_MAIL_EVENT_KEYS", "cannot be used: "+err.Error(), `set it to relay:<random bytes in base64>, as from: echo "relay:$(openssl rand -base64 32)"`)
	}
	s.Events = keys
	for _, topic := range s.SNSTopics {
		if !topicARN.MatchString(topic) {
			return invalid("SESPAN_SNS_TOPICS", "holds "+quote(topic), "write ARNs such as arn:aws:sns:eu-west-1:123456789012:ses-events, separated by commas")
		}
	}
	return nil
}
