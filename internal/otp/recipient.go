package otp

import (
	"net/mail"
	"strings"
	"unicode/utf8"

	"sespan/internal/address"
	"sespan/internal/problem"
)

// recipient is where the mail of a code goes, and what it is.
type recipient struct {
	address string
	decoy   bool // the code is mailed to nobody
	notice  bool // in place of a decoy's code: "you already have an account"
}

func (r recipient) deliver() bool { return !r.decoy || r.notice }

// recipient tells what a request causes to be mailed, and to whom.
func (i *issue) recipient(st State) (recipient, error) {
	r, c := i.request, st.Customer
	switch {
	case r.CustomerID == nil:
		return i.byAddress(st), nil
	case c == nil:
		return recipient{}, unknownCustomer()
	}
	mailbox, ok := parseAddress(c.Email)
	switch {
	case !ok:
		return recipient{}, problem.New(problem.Invalid, "The customer has no usable e-mail address.").AtField("body.customer_id")
	case r.Email != "" && !address.Same(r.Email, mailbox):
		return recipient{}, problem.New(problem.Invalid, "This is not the customer's e-mail address.").AtField("body.email")
	case r.Purpose == Registration:
		return registering(st, mailbox), nil
	}
	return recipient{address: mailbox, decoy: !c.Active}, nil
}

// registering is for a customer who is to be verified: an inactive one with the
// activation right. Whoever is active has an account already, unless the site has no
// such state.
func registering(st State, mailbox string) recipient {
	to := recipient{address: mailbox}
	switch c := st.Customer; {
	case !c.Active:
		to.decoy = st.Right != RightLive
	case c.ActiveKnown:
		to.decoy, to.notice = true, true
	}
	return to
}

// byAddress is for whoever has the address: the one customer, nobody, or several.
func (i *issue) byAddress(st State) recipient {
	r, c := i.request, st.Customer
	if c == nil {
		return recipient{address: r.Email, decoy: !i.beforeCustomer() || st.Matches > 1}
	}
	mailbox, ok := parseAddress(c.Email)
	switch {
	case !ok:
		return recipient{address: r.Email, decoy: true}
	case !i.beforeCustomer():
		return recipient{address: mailbox, decoy: !c.Active}
	case c.Active:
		return recipient{address: mailbox, decoy: true, notice: true}
	}
	// Nobody has proved the address of a customer who may still be activated.
	return recipient{address: mailbox, decoy: st.Right != RightLive}
}

// beforeCustomer tells of a registration whose customer is made after the
// verification. Its challenge is nobody's, also where somebody has the address.
func (i *issue) beforeCustomer() bool {
	return i.request.Purpose == Registration && i.request.CustomerID == nil
}

const maxAddress = 254 // bytes, RFC 5321 4.5.3.1.3

// parseAddress takes a bare address and gives the one to write to; false for one
// with a display name, comments or control characters.
func parseAddress(s string) (string, bool) {
	s, err := address.Mailbox(s)
	if err != nil || len(s) > maxAddress || strings.ContainsAny(s, "<>(),;\" ") {
		return "", false
	}
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s {
		return "", false
	}
	return s, true
}

// AddressKey is the address key, by which budgets know an address; empty for what is none.
func AddressKey(email string) string {
	key, err := address.Key(email)
	if err != nil {
		return ""
	}
	return key
}

// mask hides an address but for its first character and its domain. It is of the
// address key, so that it does not tell how the site wrote the address it knows.
func mask(email string) string {
	key, err := address.Key(email)
	if err != nil {
		return "***"
	}
	at := strings.LastIndexByte(key, '@')
	first, _ := utf8.DecodeRuneInString(key)
	return string(first) + "***" + key[at:]
}
