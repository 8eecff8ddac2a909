package mail

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// Announcement says that a row of the queue is next. It is all that a broker ever
// learns of a mail: no address, no subject, no body. The row decides; an announcement
// that comes twice, late or for nothing costs one look at it.
type Announcement struct {
	Installation uuid.UUID // whose row it is: sites may share a broker
	QueueID      int64     // message_id * 1024 + position of the recipient
	Lane         Lane
	At           time.Time // when it was marked (mail_queue.announced_at)
}

// The attributes of the envelope that are always the same (CloudEvents 1.0).
const (
	cloudEventsVersion = "1.0"
	announcementType   = "sespan.mail.ready.v1"
	recipientSlots     = 1024 // of a message in queue_id
	// AnnouncementContentType is that of the encoded envelope, "structured mode".
	AnnouncementContentType = "application/cloudevents+json"
	// MaxAnnouncement is the longest encoded envelope in bytes; what is longer is none.
	MaxAnnouncement = 1024
)

type cloudEvent struct {
	SpecVersion string           `json:"specversion"`
	Type        string           `json:"type"`
	Source      string           `json:"source"` // urn:uuid: and the installation
	ID          string           `json:"id"`     // row and moment: the same announcement has the same id
	Time        time.Time        `json:"time"`
	Data        announcementData `json:"data"`
}

type announcementData struct {
	Mail      int64  `json:"mail"`      // message_id
	Recipient int64  `json:"recipient"` // its position in the message, from 0
	Lane      string `json:"lane"`
}

// Encode gives the envelope as JSON.
func (a Announcement) Encode() []byte {
	text, err := json.Marshal(cloudEvent{
		SpecVersion: cloudEventsVersion, Type: announcementType, Source: "urn:uuid:" + a.Installation.String(),
		ID:   strconv.FormatInt(a.QueueID, 10) + "-" + strconv.FormatInt(a.At.UnixMicro(), 10),
		Time: a.At.UTC(), Data: announcementData{a.QueueID / recipientSlots, a.QueueID % recipientSlots, a.Lane.String()},
	})
	if err != nil { // strings, numbers and a time of this millennium
		panic(fmt.Sprintf("mail: an announcement cannot be encoded: %v", err))
	}
	return text
}

// DecodeAnnouncement reads an envelope. What it does not understand is an error: such a
// message belongs in the dead-letter queue.
func DecodeAnnouncement(text []byte) (Announcement, error) {
	if len(text) > MaxAnnouncement {
		return Announcement{}, fmt.Errorf("mail: an announcement of %d bytes", len(text))
	}
	var e cloudEvent
	if err := json.Unmarshal(text, &e); err != nil {
		return Announcement{}, fmt.Errorf("mail: no announcement: %w", err)
	}
	if e.SpecVersion != cloudEventsVersion || e.Type != announcementType {
		return Announcement{}, fmt.Errorf("mail: an envelope of type %.40q, specversion %.10q", e.Type, e.SpecVersion)
	}
	id, err := uuid.Parse(e.Source) // takes urn:uuid: as well
	if err != nil {
		return Announcement{}, fmt.Errorf("mail: source %.60q is no installation", e.Source)
	}
	d := e.Data
	if d.Mail < 1 || d.Mail > (1<<63-1)/recipientSlots || d.Recipient < 0 || d.Recipient >= recipientSlots {
		return Announcement{}, fmt.Errorf("mail: mail %d, recipient %d cannot be", d.Mail, d.Recipient)
	}
	a := Announcement{Installation: id, QueueID: d.Mail*recipientSlots + d.Recipient, At: e.Time}
	for a.Lane = range Lane(Lanes) {
		if a.Lane.String() == d.Lane {
			return a, nil
		}
	}
	return Announcement{}, fmt.Errorf("mail: lane %.20q is none", d.Lane)
}
