package mime

import "strings"

// checkUnsubscribe insists on what RFC 2369 and RFC 8058 ask of a mail that offers to
// unsubscribe: addresses in angle brackets, and for one-click an https one that stands
// beside exactly this value. A mailbox provider drops the offer otherwise, without a
// word to the sender.
func checkUnsubscribe(fields []field) error {
	var offer, post string
	var offered, posted bool
	for _, f := range fields {
		switch strings.ToLower(f.name) {
		case "list-unsubscribe":
			offer, offered = f.value, true
		case "list-unsubscribe-post":
			post, posted = f.value, true
		}
	}
	if !offered && !posted {
		return nil
	}
	https, ok := unsubscribeAddresses(offer)
	switch {
	case !offered:
		return invalid("headers.List-Unsubscribe-Post", "needs a List-Unsubscribe beside it")
	case !ok:
		return invalid("headers.List-Unsubscribe", "must be addresses in angle brackets, such as <https://shop.example/u/1>, <mailto:u@shop.example>")
	case posted && strings.TrimSpace(post) != "List-Unsubscribe=One-Click":
		return invalid("headers.List-Unsubscribe-Post", "must be List-Unsubscribe=One-Click")
	case posted && !https:
		return invalid("headers.List-Unsubscribe", "needs an https address for one-click")
	}
	return nil
}

// unsubscribeAddresses reads <address>, <address> and tells whether one is https. It
// takes what mail_enqueue takes.
func unsubscribeAddresses(value string) (https, ok bool) {
	for rest := strings.TrimSpace(value); ; {
		inner, after, found := strings.Cut(strings.TrimPrefix(rest, "<"), ">")
		if !found || !strings.HasPrefix(rest, "<") || strings.ContainsFunc(inner, func(r rune) bool { return r <= ' ' || r > '~' || r == '<' }) {
			return false, false
		}
		scheme, address, _ := strings.Cut(inner, ":")
		host := strings.TrimPrefix(address, "//")
		switch strings.ToLower(scheme) {
		case "https", "http":
			if host == address || host == "" || host[0] == '/' {
				return false, false
			}
			https = https || len(scheme) == len("https")
		case "mailto":
			if address == "" {
				return false, false
			}
		default:
			return false, false
		}
		if after = strings.TrimSpace(after); after == "" {
			return https, true
		}
		if rest, found = strings.CutPrefix(after, ","); !found {
			return false, false
		}
		rest = strings.TrimSpace(rest)
	}
}
