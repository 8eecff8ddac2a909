package cli

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"sespan/internal/address"
	"sespan/internal/mail"
	"sespan/internal/postgres"
)

// The tones, in the words of the site's admin page: no mail or code gets through, perhaps
// so, a fact, or as it should be.
const (
	toneCause   = "cause"
	tonePerhaps = "perhaps"
	toneToKnow  = "to know"
	toneInOrder = "in order"
)

// shortPause is over before a telephone call is.
const shortPause = 60

// A remark is a sentence for the clerk at the telephone, and its tone: how grave it is.
type remark struct{ tone, text string }

// remarks say all that is known, the gravest first, as the site's admin page does;
// testdata/customer_help_vectors.json holds both to it. The page says more of three things,
// which are judged there alone: an address that looks mistyped, a domain that leads nowhere,
// and an account whose owner has logged in before, which the bound columns do not tell.
func remarks(p postgres.Person, h postgres.CustomerHelp) []remark {
	var found []remark
	if p.ID != nil {
		found = append(found, accountRemark(isActive(p), h.Right))
	}
	found = append(found, addressRemarks(p, h)...)
	for _, s := range h.Suppressions {
		found = append(found, suppressionRemark(s))
	}
	for _, b := range h.Budgets {
		if b.FreeAt != nil && b.FreeAt.After(h.At) {
			found = append(found, budgetRemark(b))
		}
	}
	if h.Site != nil && h.Site.Most != nil && h.Site.Used >= *h.Site.Most {
		found = append(found, remark{toneCause, "The whole site has sent as many mails today as strangers may cause."})
	}
	found = append(found, codeRemarks(h)...)
	order := []string{toneCause, tonePerhaps, toneToKnow, toneInOrder}
	slices.SortStableFunc(found, func(a, b remark) int {
		return cmp.Compare(slices.Index(order, a.tone), slices.Index(order, b.tone))
	})
	return found
}

func accountRemark(active *bool, right string) remark {
	switch {
	case active != nil && *active:
		return remark{toneInOrder, "The account is active: it needs no code, and the customer can log in."}
	case right == "live":
		return remark{toneToKnow, "The account waits for its first code, unless its owner has logged in before: then it was closed."}
	case active == nil:
		return remark{toneToKnow, "The site does not say whether the account is active."}
	case right == "none":
		return remark{toneCause, "The account is inactive and was never to be opened by a code: no code is sent."}
	}
	return remark{toneCause, "The account was closed, or opened and closed again: no code is sent."}
}

func addressRemarks(p postgres.Person, h postgres.CustomerHelp) []remark {
	if len(p.Emails) == 0 {
		return []remark{{toneCause, "The account has no e-mail address."}}
	}
	if _, err := address.Key(p.Emails[0]); err != nil {
		return []remark{{toneCause, p.Emails[0] + " is no e-mail address."}}
	}
	if h.SharedAddress {
		return []remark{{tonePerhaps, "Another account has this address, too."}}
	}
	return nil
}

func suppressionRemark(s postgres.HelpSuppression) remark {
	why := map[string]string{
		"bounce": "a mail came back for good", "complaint": "the customer complained of a mail",
		"unsubscribe": "the customer unsubscribed", "manual": "somebody of the staff stopped it",
	}[s.Reason]
	what, tone := "No newsletters are sent", toneToKnow
	switch s.Scope {
	case "all":
		what, tone = "Nothing is sent", toneCause
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
	if tone == toneCause {
		text += " sespan mail unsuppress ends it."
	}
	return remark{tone, text}
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
		return remark{toneToKnow, text}
	}
	return remark{toneCause, text + " sespan customer reset gives them back."}
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
		return []remark{{toneToKnow, "No code was asked for in the last days."}}
	}
	newest := h.Codes[0]
	found := []remark{{toneToKnow, codeSentence(newest)}}
	i := slices.IndexFunc(h.Codes, func(c postgres.HelpCode) bool { return c.MessageID != nil })
	if i < 0 || h.Codes[i].MailReason == "" {
		if newest.Decoy {
			found = append(found, remark{tonePerhaps, "No mail went out: no code would have opened the account."})
		}
		return found
	}
	mailed, which := h.Codes[i], "The mail with the newest code"
	if i > 0 {
		which = "The mail with an earlier code"
	}
	tone := cmp.Or(map[string]string{"sent": toneInOrder, "dead": toneCause, "suppressed": toneCause, "unknown": tonePerhaps, "retry": tonePerhaps}[orEmpty(mailed.MailState)], toneToKnow)
	found = append(found, remark{tone, fmt.Sprintf("%s (%d): %s", which, *mailed.MessageID, sentence(mail.Cause{Reason: mailed.MailReason, Facts: mailed.MailFacts}))})
	if !mailed.SameAddress {
		return append(found, remark{tonePerhaps, "The newest mail with a code went to another address of the customer."})
	}
	if tone == toneInOrder {
		found = append(found, remark{toneToKnow, "The mail server of the customer's provider has the mail: let the customer look for it among unwanted mail."})
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
