package httpapi

import (
	"context"
	"time"

	"sespan/internal/stats"
)

type (
	// StatsMails are mails by what became of them.
	StatsMails struct {
		Sent       int64 `json:"sent"`
		Dead       int64 `json:"dead"`
		Expired    int64 `json:"expired"`
		Suppressed int64 `json:"suppressed"`
		Cancelled  int64 `json:"cancelled"`
		Retried    int64 `json:"retried" doc:"Tries that were not the last."`
	}
	mailsBucket struct {
		At time.Time `json:"at" doc:"Start of the bucket."`
		StatsMails
	}
	mailsAnswer struct {
		StatsRange
		Buckets  []mailsBucket `json:"buckets" nullable:"false"`
		Total    StatsMails    `json:"total"`
		Previous StatsMails    `json:"previous"`
		Ever     StatsMails    `json:"ever"`
	}
	mailsResponse struct{ Body mailsAnswer }
)

func (h statsCalls) mail(ctx context.Context, in *statsRequest) (*mailsResponse, error) {
	r, err := h.rangeOf(in.StatsQuery, "step")
	if err != nil {
		return nil, err
	}
	sums, err := h.reader.MailSums(ctx, r)
	if err != nil {
		return nil, err
	}
	out := mailsAnswer{
		StatsRange: rangeAnswer(r), Buckets: make([]mailsBucket, len(r.Starts)),
		Total:    mailsIn(sums.Windows[stats.WindowRange]),
		Previous: mailsIn(sums.Windows[stats.WindowPrevious]),
		Ever:     mailsIn(sums.Windows[stats.WindowEver]),
	}
	for i, at := range r.Starts {
		out.Buckets[i] = mailsBucket{at, StatsMails(sums.Buckets[i])}
	}
	return &mailsResponse{out}, nil
}

func mailsIn(all map[string]int64) StatsMails {
	return StatsMails{all["sent"], all["dead"], all["expired"], all["suppressed"], all["cancelled"], all["retried"]}
}
