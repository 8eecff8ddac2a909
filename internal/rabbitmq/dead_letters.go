package rabbitmq

import "context"

// DeadLetters tells how many messages the dead-letter queue keeps.
func (b *Broker) DeadLetters(ctx context.Context) (int64, error) {
	s, err := b.dial(ctx, "check")
	if err != nil {
		return 0, err
	}
	defer s.close()
	ch, err := s.channel()
	if err != nil {
		return 0, err
	}
	q, err := ch.QueueDeclarePassive(b.names.dead, true, false, false, false, nil)
	return int64(q.Messages), err
}
