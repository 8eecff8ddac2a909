package cli

import (
	"cmp"
	"fmt"
	"time"

	"sespan/internal/mail"
)

// sentence says a cause in English; empty for none. A reason that is not known here
// belongs to a newer database, and stands for itself.
func sentence(c mail.Cause) string {
	if c.Reason == "" {
		return ""
	}
	words := cmp.Or(waiting(c.Reason, c.Facts), finished(c.Reason, c.Facts), leftAlone(c.Reason, c.Facts), c.Reason)
	if c.Facts.Workers != nil && *c.Facts.Workers == 0 {
		words += " No worker is running."
	}
	return words
}

// waiting says why a mail is not sent yet.
func waiting(reason string, f mail.Facts) string {
	due := at(f.DueAt)
	switch reason {
	case "next":
		return "It is the next to be sent."
	case "behind":
		if f.Ahead > 10000 {
			return "It waits behind more than 10000 other mails."
		}
		return "It waits behind " + counted(f.Ahead, "other mail", "other mails") + "."
	case "scheduled":
		return "It is scheduled for " + due + "."
	case "due":
		return "It is due since " + due + " and waits for a worker."
	case "announced":
		return fmt.Sprintf("It was announced to %s %d s ago, not yet claimed.", broker(f.Dispatch), f.Ago) + last(f)
	case "sending":
		return "It is being sent now; the worker's lease ends at " + at(f.LeasedUntil) + "."
	case "worker_lost":
		return "The worker that had it vanished at " + at(f.LeasedUntil) + "; another one takes it back within seconds."
	case "undecided":
		return "It may have been sent: " + failure(f) + " at " + at(f.TriedAt) +
			". A person decides: sespan mail retry or sespan mail cancel."
	case "paused":
		return "It is held by the pause of " + paused(f) + set(f) + "." + last(f)
	case "pause_over":
		return "The pause of " + paused(f) + " is over; it is let go within seconds."
	case "rate_limited":
		return "A rate limit holds it back until " + due + after(": ", f.Reply) + "."
	case "relay_failing":
		return "Its relay or domain fails at the moment, so it is not tried before " + due + after(": ", f.Reply) + "."
	case "retry":
		return fmt.Sprintf("Try number %d is due at %s, because the last one failed: %s.", f.Try, due, failure(f))
	case "due_again":
		return "It is due again at " + due + ": " + failure(f) + "."
	case "abandoned":
		return "Its worker vanished and no other took it back: is a worker running?" + last(f)
	case "overdue":
		return "It is due and not sent: is a worker running, and does it keep up?" + last(f)
	}
	return ""
}

// broker is the name of a message broker.
func broker(dispatch string) string {
	switch dispatch {
	case "amqp":
		return "RabbitMQ"
	case "kafka":
		return "Apache Kafka"
	}
	return "a broker"
}

// finished says what became of a mail.
func finished(reason string, f mail.Facts) string {
	dead := fmt.Sprintf("It is dead since %s after %s: %s. ", at(f.FinishedAt), counted(f.Attempts, "try", "tries"), failure(f))
	switch reason {
	case "sent":
		return "It was sent at " + at(f.FinishedAt) + after(" to ", f.Relay) + after(", which answered: ", f.Reply) + "."
	case "dead":
		return dead + "sespan mail retry sends it again."
	case "dead_wiped":
		return dead + "Its body was wiped, so it can not be sent again."
	case "dead_gone":
		return dead + "Its content is gone, so it can not be sent again."
	case "expired":
		return "It was not sent before its time was over" + after(", ", timestamp(f.ExpiresAt)) + "."
	case "suppressed":
		return "It was not sent, because the address is not written to: " + failure(f) + "."
	case "cancelled":
		return "It was cancelled at " + at(f.FinishedAt) + after(" by ", f.Actor) + after("; ", f.Reply) + "."
	}
	return ""
}

// leftAlone says why a call did not change a mail, or shows less of it.
func leftAlone(reason string, f mail.Facts) string {
	switch reason {
	case "unknown_id":
		return "No mail with this id is known."
	case "busy":
		return "It is changed by somebody else at this moment."
	case "waiting":
		return "It waits for a worker already."
	case "content_gone":
		return "Its content is gone: it is older than the retention."
	case "body_wiped":
		return "Its body was wiped at " + at(f.WipedAt) + ": enqueue it anew."
	case "body_sealed":
		return "Its body is sealed: it holds a code, which nobody but the recipient sees."
	case "past_expiry":
		return "Its time was over at " + at(f.ExpiresAt) + "."
	}
	return ""
}

// counted writes a number with its noun.
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func at(t *time.Time) string { return cmp.Or(timestamp(t), "an unknown time") }

// after gives a text with what stands before it, or nothing where there is none.
func after(before, s string) string {
	if s == "" {
		return ""
	}
	return before + s
}

// failure is what the last try ended with.
func failure(f mail.Facts) string {
	reply := answer(f)
	if reply != "" {
		reply = " (" + reply + ")"
	}
	return cmp.Or(f.Failure, "no reason is known") + reply
}

func last(f mail.Facts) string {
	if f.Failure == "" && f.Code == 0 && f.Reply == "" {
		return ""
	}
	return " The last try: " + failure(f) + "."
}

// answer is the server's, code and words.
func answer(f mail.Facts) string {
	if f.Code == 0 {
		return shorten(f.Reply, 300)
	}
	return fmt.Sprint(f.Code) + after(" ", shorten(f.Reply, 300))
}

func paused(f mail.Facts) string {
	if f.Pause == "all" {
		return "all mails"
	}
	return f.Pause
}

func set(f mail.Facts) string {
	if f.Actor == "" || f.Since == nil {
		return ""
	}
	return ", which " + f.Actor + " set at " + timestamp(f.Since)
}
