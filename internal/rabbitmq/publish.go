package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"

	"sespan/internal/mail"
)

// message is what goes to an exchange.
type message struct {
	key         string
	contentType string
	headers     amqp.Table
	body        []byte
}

// job is a batch on its way to the socket. Only the writer touches it until written is closed.
type job struct {
	ctx           context.Context
	exchange      string
	messages      []message
	confirmations []*amqp.DeferredConfirmation // of those that were written
	written       chan struct{}
}

// publishing is a session with a channel in confirm mode.
type publishing struct {
	*session
	ch      *amqp.Channel
	jobs    chan *job
	returns chan amqp.Return
	asked   chan chan struct{} // by those who want to know that all returns so far are noted
	noted   chan struct{}      // closed when there will be no more of them

	mu       sync.Mutex
	awaited  map[uint64]bool   // delivery tags without an answer
	returned map[uint64]string // those of them that came back, and why
}

func newPublishing(s *session) (*publishing, error) {
	ch, err := s.channel()
	if err != nil {
		return nil, err
	}
	p := &publishing{
		session: s, ch: ch, jobs: make(chan *job), asked: make(chan chan struct{}), noted: make(chan struct{}),
		returns: ch.NotifyReturn(make(chan amqp.Return)), awaited: map[uint64]bool{}, returned: map[uint64]string{},
	}
	return p, ch.Confirm(false)
}

// write is the only one that publishes: a delivery tag is the place in its order, and a socket that takes nothing holds
// up nobody else.
func (p *publishing) write(ctx context.Context) {
	for tag := uint64(0); ; {
		select {
		case <-ctx.Done():
			return
		case <-p.ended:
			return
		case j := <-p.jobs:
			for _, m := range j.messages {
				if j.ctx.Err() != nil {
					break
				}
				tag++
				confirmation, err := p.writeOne(j.exchange, m, tag)
				if errors.Is(err, amqp.ErrClosed) {
					<-p.ended // the channel's own end says why
				}
				if err != nil {
					p.end(err)
					break
				}
				j.confirmations = append(j.confirmations, confirmation)
			}
			close(j.written)
		}
	}
}

func (p *publishing) writeOne(exchange string, m message, tag uint64) (*amqp.DeferredConfirmation, error) {
	p.mu.Lock()
	p.awaited[tag] = true
	p.mu.Unlock()
	return p.ch.PublishWithDeferredConfirm(exchange, m.key, true, false, amqp.Publishing{
		MessageId: strconv.FormatUint(tag, 10), DeliveryMode: amqp.Persistent,
		ContentType: m.contentType, Headers: m.headers, Body: m.body,
	})
}

// watchReturns notes what came back. The library waits for it before it reads on, so a return is taken before the
// confirmation that follows it is known.
func (p *publishing) watchReturns() {
	defer close(p.noted)
	for {
		select {
		case r, open := <-p.returns:
			if !open {
				return
			}
			p.note(r)
		case answer := <-p.asked:
			close(answer)
		}
	}
}

func (p *publishing) note(r amqp.Return) {
	tag, err := strconv.ParseUint(r.MessageId, 10, 64)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil && p.awaited[tag] {
		p.returned[tag] = r.ReplyText
	}
}

// publish writes a batch and waits for the answer to each.
func (p *publishing) publish(ctx context.Context, exchange string, messages []message) []error {
	j := &job{ctx: ctx, exchange: exchange, messages: messages, written: make(chan struct{})}
	select {
	case p.jobs <- j:
	case <-ctx.Done():
		return all(ctx.Err(), len(messages))
	case <-p.ended:
		return all(p.err, len(messages))
	}
	select {
	case <-j.written:
	case <-ctx.Done(): // the socket takes nothing
		go p.forget(j)
		return all(ctx.Err(), len(messages))
	case <-p.ended:
		return all(p.err, len(messages))
	}
	errs := make([]error, len(messages))
	for i := range messages {
		if i < len(j.confirmations) {
			errs[i] = p.await(ctx, j.confirmations[i])
		} else if errs[i] = ctx.Err(); errs[i] == nil {
			<-p.ended // the writer has seen to it
			errs[i] = p.err
		}
	}
	p.sortReturns(j.confirmations, errs)
	return errs
}

// await waits for the answer to one. What was answered counts, whatever has happened since.
func (p *publishing) await(ctx context.Context, c *amqp.DeferredConfirmation) error {
	select {
	case <-c.Done():
		return p.answer(c)
	default:
	}
	select {
	case <-c.Done():
		return p.answer(c)
	case <-p.blocked.wait():
		_, why := p.blocked.state()
		return refusal(why)
	case <-ctx.Done():
		return ctx.Err()
	case <-p.ended:
		return p.err
	}
}

func (p *publishing) answer(c *amqp.DeferredConfirmation) error {
	switch {
	case c.Acked():
		return nil
	case p.ch.IsClosed(): // the library says no to what is open then
		<-p.ended
		return p.err
	}
	return fmt.Errorf("%w: it was not stored", mail.ErrRefused)
}

// forget does so with a batch whose caller has gone.
func (p *publishing) forget(j *job) {
	select {
	case <-j.written:
		p.sortReturns(j.confirmations, make([]error, len(j.confirmations)))
	case <-p.noted: // and everything of the session is forgotten
	}
}

// sortReturns finds those among the confirmed that no queue took, and forgets the batch.
func (p *publishing) sortReturns(confirmations []*amqp.DeferredConfirmation, errs []error) {
	answer := make(chan struct{})
	select {
	case p.asked <- answer:
		<-answer
	case <-p.noted:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, c := range confirmations {
		if why, is := p.returned[c.DeliveryTag]; is && errs[i] == nil {
			errs[i] = fmt.Errorf("%w (%s)", mail.ErrReturned, why)
		}
		delete(p.awaited, c.DeliveryTag)
		delete(p.returned, c.DeliveryTag)
	}
}
