package mail

import "context"

// sendAll is one sender: it delivers mails until there are no more jobs; after ctx
// has ended it gives the rest back.
func (w *Worker) sendAll(ctx, sending context.Context) {
	for job := range w.jobs {
		if ctx.Err() != nil {
			w.results <- Result{Lease: job.Lease, State: released}
			continue
		}
		w.results <- w.deliver(ctx, sending, job)
	}
}
