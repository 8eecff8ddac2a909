package kafka

import "sespan/internal/mail"

// pace stops fetching of lanes of which enough is in hand, and begins it again.
func (s *session) pace() {
	s.pacing.Lock()
	defer s.pacing.Unlock()
	for l := range mail.Lane(mail.Lanes) {
		full := s.c.ledger.full(l)
		if full == s.paused[l] {
			continue
		}
		s.paused[l] = full
		if topic := s.c.broker.options.topic(l); full {
			s.client.PauseFetchTopics(topic)
		} else {
			s.client.ResumeFetchTopics(topic)
		}
	}
}
