package mailevent

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"sespan/internal/problem"
)

// sesNotification is what Amazon SES tells through SNS, as a notification
// (notificationType) or as a published event (eventType).
// https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html
type sesNotification struct {
	NotificationType string `json:"notificationType"`
	EventType        string `json:"eventType"`
	Mail             struct {
		Timestamp time.Time `json:"timestamp"`
		MessageID string    `json:"messageId"`
		Headers   []struct {
			Name  string `json:"name"`
			Value string `json:"value"`
		} `json:"headers"`
	} `json:"mail"`
	Bounce struct {
		BounceType        string         `json:"bounceType"`
		BounceSubType     string         `json:"bounceSubType"`
		Timestamp         time.Time      `json:"timestamp"`
		BouncedRecipients []sesRecipient `json:"bouncedRecipients"`
	} `json:"bounce"`
	Complaint struct {
		Timestamp            time.Time      `json:"timestamp"`
		FeedbackType         string         `json:"complaintFeedbackType"`
		ComplainedRecipients []sesRecipient `json:"complainedRecipients"`
	} `json:"complaint"`
	Delivery struct {
		Timestamp    time.Time `json:"timestamp"`
		Recipients   []string  `json:"recipients"`
		SMTPResponse string    `json:"smtpResponse"`
	} `json:"delivery"`
}

type sesRecipient struct {
	EmailAddress   string `json:"emailAddress"`
	Status         string `json:"status"`
	DiagnosticCode string `json:"diagnosticCode"`
}

// sesEvents reads the message of a notification; kinds that say nothing of an
// address (sends, opens, clicks) give none. id is the SNS message's.
func sesEvents(id, message string) ([]Event, error) {
	var n sesNotification
	if err := json.Unmarshal([]byte(message), &n); err != nil {
		return nil, problem.New(problem.Invalid, "The message is not a notification of Amazon SES.").AtField("body.Message")
	}
	base := Event{Mail: n.reference()}
	var events []Event
	add := func(e Event, recipient, detail string) {
		e.ID, e.Recipient, e.Detail = id+"/"+strconv.Itoa(len(events)), bareAddress(recipient), detail
		events = append(events, e)
	}
	kind := n.NotificationType
	if kind == "" {
		kind = n.EventType
	}
	switch kind {
	case "Bounce":
		base.Kind, base.At, base.Permanent = Bounce, n.Bounce.Timestamp, n.Bounce.BounceType == "Permanent"
		for _, r := range n.Bounce.BouncedRecipients {
			add(base, r.EmailAddress, strings.TrimSpace(r.Status+" "+n.Bounce.BounceSubType+" "+r.DiagnosticCode))
		}
	case "Complaint":
		if n.Complaint.FeedbackType == "not-spam" || n.Complaint.FeedbackType == "auth-failure" {
			return nil, nil // takes an earlier complaint back; tells of a signature: nobody complains
		}
		base.Kind, base.At = Complaint, n.Complaint.Timestamp
		for _, r := range n.Complaint.ComplainedRecipients {
			add(base, r.EmailAddress, n.Complaint.FeedbackType)
		}
	case "Delivery":
		base.Kind, base.At = Delivered, n.Delivery.Timestamp
		for _, r := range n.Delivery.Recipients {
			add(base, r, n.Delivery.SMTPResponse)
		}
	}
	return events, nil
}

// reference: our own Message-ID where the original headers are included, and
// always the id that SES answered when it took the mail.
func (n *sesNotification) reference() Reference {
	r := Reference{}
	for _, h := range n.Mail.Headers {
		if !strings.EqualFold(h.Name, "Message-ID") {
			continue
		}
		if own, ok := ParseMessageID(h.Value); ok && !own.CreatedAt.IsZero() {
			r = own
		}
	}
	r.RelayID, r.SentAt = n.Mail.MessageID, n.Mail.Timestamp
	return r
}

// bareAddress takes the address out of "Name <address>", which SES echoes at times.
func bareAddress(s string) string {
	if open := strings.LastIndexByte(s, '<'); open >= 0 {
		s = strings.TrimRight(s[open+1:], "> ")
	}
	return strings.TrimSpace(s)
}
