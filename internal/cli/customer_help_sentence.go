package cli

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"sespan/internal/mail"
	"sespan/internal/postgres"
)

// How grave a remark is: it stops mails or codes, somebody should look at it, it is so, or
// it is as it should be.
const (
	gradeStops = "stops"
	gradeLook  = "look"
	gradeSo    = "so"
	gradeFine  = "fine"
)

// shortPause is over before a telephone call is.
const shortPause = 60

// A remark is a sentence for the person at the telephone, and how grave it is.
type remark struct{ grade, text string }

// remarks say all that is known, the gravest first, as the site's admin page does.
func remarks(p postgres.Person, h postgres.CustomerHelp) []remark {
	var found []remark
	if p.ID != nil {
		found = append(found, accountRemark(isActive(p), h.Right))
	}
	if len(p.Emails) == 0 {
		found = append(found, remark{gradeStops, "The account has no e-mail address."})
	}
	for _, s := range h.Suppressions {
		found = append(found, suppressionRemark(s))
	}
	for _, b := range h.Budgets {
		if b.FreeAt != nil && b.FreeAt.After(h.At) {
			found = append(found, budgetRemark(b))
		}
	}
	if h.Site != nil && h.Site.Most != nil && h.Site.Used >= *h.Site.Most {
		found = append(found, remark{gradeStops, "The whole site has sent as many mails today as strangers may cause."})
	}
	found = append(found, codeRemarks(h)...)
	order := []string{gradeStops, gradeLook, gradeSo, gradeFine}
	slices.SortStableFunc(found, func(a, b remark) int {
		return cmp.Compare(slices.Index(order, a.grade), slices.Index(order, b.grade))
	})
	return found
}

func accountRemark(active *bool, right string) remark {
	switch {
	case active != nil && *active:
		return remark{gradeFine, "The account is active: it needs no code, and the customer can log in."}
	case right == "live":
		return remark{gradeSo, "The account waits for its first code."}
	case active == nil:
		return remark{gradeSo, "The site does not say whether the account is active."}
	case right == "none":
		return remark{gradeStops, "The account is inactive and was never to be opened by a code: no code is sent."}
	}
	return remark{gradeStops, "The account was closed, or opened and closed again: no code is sent."}
}

func suppressionRemark(s postgres.HelpSuppression) remark {
	why := map[string]string{
		"bounce": "a mail came back for good", "complaint": "the customer complained of a mail",
		"unsubscribe": "the customer unsubscribed", "manual": "somebody of the staff stopped it",
	}[s.Reason]
	what, grade := "No newsletters are sent", gradeSo
	switch s.Scope {
	case "all":
		what, grade = "Nothing is sent", gradeStops
	case "except_codes":
		what = "Only codes are sent"
	}
	why = cmp.Or(why, s.Reason)
	if detail := shorten(orEmpty(s.Detail), 200); detail != "" {
		why += " (" + detail + ")"
	}
	text := fmt.Sprintf("%s to this address since %s: %s.", what, timestamp(&s.Since), why)
	if s.Until != nil {
		text += " It ends at " + timestamp(s.Until) + "."
	}
	if grade == gradeStops {
		text += " sespan mail unsuppress ends it."
	}
	return remark{grade, text}
}

func budgetRemark(b postgres.HelpBudget) remark {
	what := "passwords were tried"
	switch b.Scope {
	case "mails_address":
		what = "mails went to the address"
	case "mails_browser":
		what = "mails were asked for by the customer's own browser"
	case "codes_address", "codes_browser":
		what = "wrong codes were tried"
	}
	text := fmt.Sprintf("%d %s in %s, as many as may be: the next at %s.", b.Used, what, period(b.Seconds), timestamp(b.FreeAt))
	if b.Seconds <= shortPause {
		return remark{gradeSo, text}
	}
	return remark{gradeStops, text + " sespan customer reset gives them back."}
}

// period writes the length of a limit.
func period(seconds int64) string {
	switch seconds {
	case 60:
		return "a minute"
	case 15 * 60:
		return "a quarter of an hour"
	case 60 * 60:
		return "an hour"
	case 24 * 60 * 60:
		return "a day"
	}
	return (time.Duration(seconds) * time.Second).String()
}

func codeRemarks(h postgres.CustomerHelp) []remark {
	if len(h.Codes) == 0 {
		return []remark{{gradeSo, "No code was asked for in the last days."}}
	}
	newest := h.Codes[0]
	found := []remark{{gradeSo, codeSentence(newest)}}
	i := slices.IndexFunc(h.Codes, func(c postgres.HelpCode) bool { return c.MessageID != nil })
	if i < 0 || h.Codes[i].MailReason == "" {
		if newest.Decoy {
			found = append(found, remark{gradeLook, "No mail went out: no code would have opened the account."})
		}
		return found
	}
	mailed, which := h.Codes[i], "The mail with the newest code"
	if i > 0 {
		which = "The mail with an earlier code"
	}
	grade := cmp.Or(map[string]string{"sent": gradeFine, "dead": gradeStops, "suppressed": gradeStops, "unknown": gradeLook, "retry": gradeLook}[orEmpty(mailed.MailState)], gradeSo)
	found = append(found, remark{grade, fmt.Sprintf("%s (%d): %s", which, *mailed.MessageID, sentence(mail.Cause{Reason: mailed.MailReason, Facts: mailed.MailFacts}))})
	if !mailed.SameAddress {
		return append(found, remark{gradeLook, "The newest mail with a code went to another address of the customer."})
	}
	if grade == gradeFine {
		found = append(found, remark{gradeSo, "The mail server of the customer's provider has the mail: let the customer look for it among unwanted mail."})
	}
	return found
}

func codeSentence(c postgres.HelpCode) string {
	made, until := timestamp(&c.CreatedAt), timestamp(&c.ValidUntil)
	switch c.Status {
	case "pending":
		return "A code was made at " + made + " and is valid until " + until + "."
	case "verified":
		return "The code of " + made + " was entered, and was right."
	case "locked":
		return "The code of " + made + " is locked: too many wrong ones were entered."
	case "superseded":
		return "The code of " + made + " was replaced by a newer wish, or ended by the staff."
	}
	return "The code of " + made + " was valid until " + until + "."
}
