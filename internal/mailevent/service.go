package mailevent

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"log/slog"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sespan/internal/problem"
)

// Store notes events, each once, and keeps the list of addresses.
type Store interface {
	// Apply gives a result for each event, by its id.
	Apply(ctx context.Context, source string, events []Event, bounceLife time.Duration) (map[string]Result, error)
}

// Options of a Service. All but Keys or Topics are needed.
type Options struct {
	Store      Store
	Keys       Keys     // sources of the signed form
	Topics     []string // ARNs of Amazon SNS topics
	Fetch      Fetcher  // for Amazon's certificates
	BounceLife time.Duration
	Clock      func() time.Time
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Service receives mail events.
type Service struct {
	Options
	sns    *sns
	events *prometheus.CounterVec
}

// Outcome of one event.
type Outcome struct {
	EventID string
	Result  Result
}

// New makes a service and registers its metric.
func New(o Options) *Service {
	s := &Service{
		Options: o,
		sns:     &sns{topics: o.Topics, fetch: o.Fetch, now: o.Clock, certs: map[string]*x509.Certificate{}},
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sespan_mail_event_results_total", Help: "Mail events by kind and by what they did.",
		}, []string{"kind", "result"}),
	}
	o.Registerer.MustRegister(s.events)
	for _, kind := range Kinds() {
		for _, result := range Results() {
			s.events.WithLabelValues(string(kind), string(result))
		}
	}
	return s
}

// form is the body of the signed form.
type form struct {
	Events []struct {
		EventID    string `json:"event_id"`
		Kind       Kind   `json:"kind"`
		Permanent  *bool  `json:"permanent"`
		Recipient  string `json:"recipient"`
		MessageID  string `json:"message_id"`
		RelayID    string `json:"relay_id"`
		OccurredAt string `json:"occurred_at"`
		Detail     string `json:"detail"`
	} `json:"events"`
}

// CheckForm tells from the header whether a body can be taken at all, so that no other is
// read: the form is switched on, and the signature has its form and a time that is not
// over. sns is the header of Amazon SNS, whose messages are signed inside. Problems:
// not-found (switched off), unauthorized.
func (s *Service) CheckForm(signature, sns string) error {
	switch {
	case sns == "" && len(s.Keys) == 0:
		return problem.New(problem.NotFound, "The signed form is switched off: SESPAN_MAIL_EVENT_KEYS is not set.")
	case sns == "":
		_, err := parseSignature(signature, s.Clock())
		return err
	case len(s.Topics) == 0:
		return problem.New(problem.NotFound, "Amazon SNS is switched off: SESPAN_SNS_TOPICS is not set.")
	case sns != snsNotification && sns != snsConfirm && sns != snsUnsubscribe:
		return unauthorized("Amazon SNS has no messages of this type.")
	}
	return nil
}

// Receive receives events: the signed form, or with the header of Amazon SNS one of its
// messages, a notification of SES or the confirmation of a subscription, which it answers.
// verified is called when the signature was found valid, may be nil. Problems: those of
// CheckForm, bad-request, invalid, unavailable.
func (s *Service) Receive(ctx context.Context, signature, sns string, body []byte, verified func()) ([]Outcome, error) {
	if err := s.CheckForm(signature, sns); err != nil {
		return nil, err
	}
	if verified == nil {
		verified = func() {}
	}
	if sns != "" {
		return s.receiveSNS(ctx, body, verified)
	}
	source, err := s.Keys.verify(signature, body, s.Clock())
	if err != nil {
		return nil, err
	}
	verified()
	events, err := parseForm(body)
	if err != nil {
		return nil, err
	}
	return s.apply(ctx, source, events)
}

func parseForm(body []byte) ([]Event, error) {
	var f form
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	err := d.Decode(&f)
	if err == nil && d.More() {
		err = errors.New("more than one value")
	}
	if err != nil {
		at := "body"
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
			at += "." + wrong.Field
		}
		return nil, problem.New(problem.BadRequest, "The body is not JSON of the form that /openapi.json shows.").AtField(at).WithCause(err)
	}
	if len(f.Events) == 0 || len(f.Events) > maxEvents {
		return nil, problem.Newf(problem.Invalid, "A request has 1 to %d events.", maxEvents).AtField("body.events")
	}
	events := make([]Event, len(f.Events))
	for i, e := range f.Events {
		mail, known := ParseMessageID(e.MessageID)
		if e.MessageID != "" && !known && e.RelayID == "" {
			// A Message-ID of the site's own: nothing of ours stands under it.
			mail = Reference{}
		}
		mail.RelayID = e.RelayID
		at, err := time.Parse(time.RFC3339, e.OccurredAt)
		if err != nil {
			return nil, problem.New(problem.Invalid, "The time must be of the form 2026-12-24T18:00:00Z.").AtField("body.events[" + strconv.Itoa(i) + "].occurred_at")
		}
		events[i] = Event{
			ID: e.EventID, Kind: e.Kind, Permanent: e.Permanent == nil || *e.Permanent, Recipient: e.Recipient,
			Mail: mail, At: at, Detail: e.Detail,
		}
	}
	return events, nil
}

func (s *Service) receiveSNS(ctx context.Context, body []byte, verified func()) ([]Outcome, error) {
	m, err := s.sns.verify(ctx, body)
	if err != nil {
		return nil, err
	}
	verified()
	switch m.Type {
	case snsNotification:
	case snsConfirm:
		s.Logger.InfoContext(ctx, "mail events: confirming the subscription to the topic", "topic", m.TopicARN)
		return nil, s.sns.confirm(ctx, m)
	case snsUnsubscribe:
		s.Logger.WarnContext(ctx, "mail events: Amazon SNS ended the subscription; no mail events will come", "topic", m.TopicARN)
		return nil, nil
	default:
		return nil, problem.New(problem.Invalid, "Unknown type of message.").AtField("body.Type")
	}
	events, err := sesEvents(m.MessageID, m.Message)
	if err != nil || len(events) == 0 {
		return nil, err
	}
	return s.apply(ctx, m.TopicARN, events)
}

func (s *Service) apply(ctx context.Context, source string, events []Event) ([]Outcome, error) {
	now := s.Clock()
	for i := range events {
		if err := events[i].check(i, now); err != nil {
			return nil, err
		}
	}
	results, err := s.Store.Apply(ctx, source, events, s.BounceLife)
	if err != nil {
		return nil, err
	}
	outcomes := make([]Outcome, len(events))
	for i, e := range events {
		outcomes[i] = Outcome{e.ID, results[e.ID]}
		s.events.WithLabelValues(string(e.Kind), string(results[e.ID])).Inc()
	}
	return outcomes, nil
}
