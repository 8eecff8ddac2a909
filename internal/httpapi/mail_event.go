package httpapi

import (
	"context"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humamux"

	"sespan/internal/apilog"
	"sespan/internal/mailevent"
)

// mailEventService receives mail events: mailevent.Service.
type mailEventService interface {
	// CheckForm looks at what comes before a body.
	CheckForm(signature, sns string) error
	// Receive reads the body; verified is called when its signature was found valid.
	Receive(ctx context.Context, signature, sns string, body []byte, verified func()) ([]mailevent.Outcome, error)
}

// eventForm is a huma middleware: it refuses events that nobody will take before their
// body, the largest of the API, is read.
func eventForm(s mailEventService) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		if ctx.Operation().Path == mailEventsPath {
			r, w := humamux.Unwrap(ctx)
			if err := s.CheckForm(r.Header.Get(mailevent.SignatureHeader), r.Header.Get(mailevent.SNSHeader)); err != nil {
				respond(w, r, err)
				return
			}
		}
		next(ctx)
	}
}

// mailEvents documents the signed form; the body is read raw, because what is
// signed are its bytes.
type mailEvents struct {
	Events []mailEvent `json:"events" minItems:"1" maxItems:"500" nullable:"false"`
}

type mailEvent struct {
	EventID    string         `json:"event_id" minLength:"1" maxLength:"200" example:"a1f0-77" doc:"The event's own id at the source; a second one of the same id changes nothing."`
	Kind       mailevent.Kind `json:"kind" enum:"delivered,bounce,complaint,unsubscribe"`
	Permanent  bool           `json:"permanent,omitempty" default:"true" doc:"Of a bounce: false for one after which a later mail may arrive."`
	Recipient  string         `json:"recipient" maxLength:"320" example:"sari@example.co" doc:"Bare address of the envelope."`
	MessageID  string         `json:"message_id,omitempty" example:"<4711.dtk0u8m5hc@shop.example>" doc:"The mail's Message-ID header, or the number that mail_enqueue gave."`
	RelayID    string         `json:"relay_id,omitempty" minLength:"6" maxLength:"200" doc:"Instead of message_id: the id in the relay's answer when it took the mail."`
	OccurredAt string         `json:"occurred_at" format:"date-time"`
	Detail     string         `json:"detail,omitempty" example:"550 5.1.1 no such user" doc:"The server's words."`
}

type mailEventRequest struct {
	Signature string `header:"Sespan-Signature" maxLength:"500" example:"t=1763809200,k=relay-1,v1=5257a869e7ecebeda32affa62cdca3fa51cad7e77a0e56ff536d0ce8e108d8bd" doc:"t: Unix time, at most five minutes off; k: id of the key; v1: hex HMAC-SHA-256 of t, a dot and the body."`
	SNS       string `header:"X-Amz-Sns-Message-Type" doc:"Of Amazon SNS, whose messages carry their own signature."`
	RawBody   []byte
}

type mailEventResponse struct {
	Body struct {
		Results []mailEventResult `json:"results" nullable:"false" doc:"In the order of the events."`
	}
}

type mailEventResult struct {
	EventID string           `json:"event_id"`
	Result  mailevent.Result `json:"result" enum:"suppressed,recorded,unmatched,repeated" doc:"suppressed: the address is not written to any more; recorded: noted alone; unmatched: not a mail that was sent to this address; repeated: it came before."`
}

func registerMailEvent(api huma.API, s mailEventService) {
	op := describe(public(operation(apilog.Admin, http.MethodPost, mailEventsPath, "post-mail-events", "Tell what became of mails", http.StatusOK)),
		"Takes bounces, complaints, unsubscriptions and deliveries: in the form below, signed with a key of SESPAN_MAIL_EVENT_KEYS, or from Amazon SES "+
			"through an SNS topic of SESPAN_SNS_TOPICS. Only mails that were sent to an address can suppress it. Needs no service key: the signature is the credential.")
	op.RequestBody = &huma.RequestBody{
		Required: true,
		Content: map[string]*huma.MediaType{
			"application/json": {Schema: huma.SchemaFromType(api.OpenAPI().Components.Schemas, reflect.TypeFor[mailEvents]())},
			"text/plain":       {Schema: &huma.Schema{Type: huma.TypeString, Description: "A message of Amazon SNS."}},
		},
	}
	// The form is not all that comes: a message of Amazon is another one, and text/plain.
	// internal/mailevent reads both, after their signatures, and names what is wrong.
	op.SkipValidateBody = true
	register(api, op, func(ctx context.Context, in *mailEventRequest) (*mailEventResponse, error) {
		outcomes, err := s.Receive(ctx, in.Signature, in.SNS, in.RawBody, func() { requestContextOf(ctx).known = true })
		if err != nil {
			return nil, err
		}
		out := &mailEventResponse{}
		out.Body.Results = make([]mailEventResult, len(outcomes))
		for i, o := range outcomes {
			out.Body.Results[i] = mailEventResult{o.EventID, o.Result}
		}
		return out, nil
	}, http.StatusNotFound)
}
