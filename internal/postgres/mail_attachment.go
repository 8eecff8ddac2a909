package postgres

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"

	"sespan/internal/mail"
)

// readAttachments reads what the attachments of claimed mails refer to, each file once for
// all of them.
func (s *Mail) readAttachments(ctx context.Context, rows []mail.Claimed) error {
	wanted := map[string][]byte{}
	for i := range rows {
		if m := rows[i].Stored; m != nil && bytes.Contains(m.Attachments, []byte(`"sha256"`)) {
			digestsOf(m.Attachments, wanted)
			m.Files = wanted
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	digests := make([][]byte, 0, len(wanted))
	for _, d := range wanted {
		digests = append(digests, d)
	}
	clear(wanted)
	pieces, err := s.pool.queries.MailAttachments(ctx, s.db, digests)
	for _, p := range pieces {
		name := hex.EncodeToString(p.Sha256)
		wanted[name] = append(wanted[name], p.Content...)
	}
	return mapError(err)
}

// digestsOf adds the digests that a list of attachments names; what is no list is
// left to whoever composes the mail.
func digestsOf(attachments []byte, wanted map[string][]byte) {
	var list []struct {
		SHA256 string `json:"sha256"`
	}
	if json.Unmarshal(attachments, &list) != nil {
		return
	}
	for _, a := range list {
		if digest, err := hex.DecodeString(a.SHA256); err == nil && len(digest) > 0 {
			wanted[a.SHA256] = digest
		}
	}
}
