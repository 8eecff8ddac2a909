package otp

import "sespan/internal/problem"

// mailing is where a mail goes and what it is.
type mailing struct {
	address string
	decoy   bool // the code is mailed to nobody
	notice  bool // in place of a decoy's code: "you already have an account"
}

func (m mailing) deliver() bool { return !m.decoy || m.notice }

// mailing tells what a request is answered with by mail.
func (i *issue) mailing(st State) (mailing, error) {
	r, c := i.request, st.Customer
	switch {
	case r.CustomerID == nil:
		return i.byAddress(st), nil
	case c == nil:
		return mailing{}, unknownCustomer()
	}
	address, ok := parseAddress(c.Email)
	switch {
	case !ok:
		return mailing{}, problem.New(problem.Invalid, "The customer has no usable e-mail address.").At("body.customer_id")
	case r.Email != "" && !sameAddress(r.Email, address):
		return mailing{}, problem.New(problem.Invalid, "This is not the customer's e-mail address.").At("body.email")
	case r.Purpose == Registration:
		return i.registering(st, address), nil
	}
	return mailing{address: address, decoy: !c.Active}, nil
}

// registering is for a customer who is to be verified: an inactive one with the
// right to be activated. Whoever is active has been verified already, unless the
// site has just made them so, or has no such state.
func (i *issue) registering(st State, address string) mailing {
	m := mailing{address: address}
	switch c := st.Customer; {
	case !c.Active:
		m.decoy = st.Right != RightLive && i.grant(st) == nil
	case c.ActiveKnown:
		m.decoy = st.Right != RightNone || !i.justCreated(st)
		m.notice = m.decoy
	}
	return m
}

// byAddress is for whoever has the address: the one customer, nobody, or several.
func (i *issue) byAddress(st State) mailing {
	r, c := i.request, st.Customer
	if c == nil {
		return mailing{address: r.Email, decoy: !i.beforeCustomer() || st.Matches > 1}
	}
	address, ok := parseAddress(c.Email)
	switch {
	case !ok:
		return mailing{address: r.Email, decoy: true}
	case !i.beforeCustomer():
		return mailing{address: address, decoy: !c.Active}
	case c.Active:
		return mailing{address: address, decoy: true, notice: true}
	}
	// Nobody has proved the address of a customer who may still be activated.
	return mailing{address: address, decoy: st.Right != RightLive}
}

// beforeCustomer tells of a registration whose customer is made after the
// verification. Its challenge is nobody's, also where somebody has the address.
func (i *issue) beforeCustomer() bool {
	return i.request.Purpose == Registration && i.request.CustomerID == nil
}

// grant gives the customer to whom this request gives the right to be activated.
func (i *issue) grant(st State) *int64 {
	c := st.Customer
	if c == nil || c.Active || st.Right != RightNone || !i.justCreated(st) {
		return nil
	}
	return &c.ID
}

// justCreated tells whether the site says so and may be right.
func (i *issue) justCreated(st State) bool {
	joined := st.Customer.Joined
	return i.request.NewCustomer && (joined == nil || joined.After(st.At.Add(-i.service.limits.ActivationDelay)))
}

// end gives the customer whose right to be activated has come to nothing: somebody
// else made them active. A ban that comes later is for good.
func (i *issue) end(st State) *int64 {
	if c := st.Customer; c != nil && c.Active && st.Right == RightLive {
		return &c.ID
	}
	return nil
}
