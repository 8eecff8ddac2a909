package postgres

import "context"

// SecretKeyUse tells what one of SESPAN_SECRET_KEYS is still needed for.
type SecretKeyUse struct {
	ID                            string
	Codes, Mails, FormData, Seeds int64
}

// SecretKeyUses gives the keys under which something lives, by id.
func (p *Pool) SecretKeyUses(ctx context.Context) ([]SecretKeyUse, error) {
	rows, err := p.queries.SecretKeyUse(ctx, p)
	uses := make([]SecretKeyUse, len(rows))
	for i, r := range rows {
		uses[i] = SecretKeyUse{r.KeyID, r.Codes, r.Mails, r.FormData, r.Seeds}
	}
	return uses, mapError(err)
}
