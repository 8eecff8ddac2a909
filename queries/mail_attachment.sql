-- name: MailAttachments :many
-- Pieces of files that claimed mails refer to, in order; each file once.
SELECT a.sha256, p.piece, p.content
FROM (SELECT DISTINCT ON (f.sha256) f.sha256, f.attachment_id
      FROM sespan.mail_attachment f
      WHERE f.sha256 = ANY (@digests::bytea[]) AND f.size_bytes IS NOT NULL
      ORDER BY f.sha256, f.attachment_id) a
JOIN sespan.mail_attachment_piece p ON p.attachment_id = a.attachment_id
ORDER BY a.sha256, p.piece;
