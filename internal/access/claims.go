package access

import (
	"encoding/json"
	"errors"
	"math"
	"regexp"
	"slices"
	"strconv"
	"time"

	"sespan/internal/problem"
)

// claims are the members of a token that mean something here (RFC 7519).
type claims struct {
	Audience audiences `json:"aud"`
	Subject  string    `json:"sub"`
	Issued   *float64  `json:"iat"`
	Expires  *float64  `json:"exp"`
	From     *float64  `json:"nbf"`
	OrderRef *string   `json:"order_ref"`
	Amount   *string   `json:"amount"`
	Roles    []string  `json:"roles"`
}

// audiences takes a string and a list of strings (RFC 7519, 4.1.3).
type audiences []string

// UnmarshalJSON implements json.Unmarshaler.
func (a *audiences) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*a = audiences{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(a))
}

var (
	customerID = regexp.MustCompile(`^[1-9][0-9]{0,18}$`)
	orderRef   = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,64}$`)
	amount     = regexp.MustCompile(`^(0|[1-9][0-9]{0,17})(\.[0-9]{1,4})?$`)
	staffRoles = []Role{RoleReport, RoleDashboard, RoleAdmin} // a browser is never the service
)

func parseClaims(payload []byte) (claims, error) {
	var c claims
	if _, err := uniqueMembers(payload); err != nil {
		return c, err
	}
	if err := json.Unmarshal(payload, &c); err != nil {
		return c, errors.New("token: a claim has a wrong type")
	}
	return c, nil
}

// timely checks the audience and the times; a token lives 15 minutes at most.
func (c *claims) timely(now time.Time) error {
	switch {
	case !slices.Contains(c.Audience, audience):
		return errors.New("token: aud is not sespan")
	case c.Expires == nil || c.Issued == nil:
		return errors.New("token: exp or iat is missing")
	case *c.Expires-*c.Issued > longestLife.Seconds() || *c.Expires <= *c.Issued:
		return errors.New("token: lives longer than 15 minutes, or not at all")
	case !now.Before(instant(*c.Expires).Add(leeway)):
		return errors.New("token: expired")
	case now.Add(leeway).Before(instant(*c.Issued)):
		return errors.New("token: issued in the future")
	case c.From != nil && now.Add(leeway).Before(instant(*c.From)):
		return errors.New("token: not valid yet")
	}
	return nil
}

// instant turns a NumericDate into a time; what is out of reason becomes year 1.
func instant(seconds float64) time.Time {
	if math.Abs(seconds) > 1e11 {
		return time.Time{}
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*float64(time.Second)))
}

func (c *claims) principal() (Principal, error) {
	ordered := c.OrderRef != nil || c.Amount != nil
	switch {
	case ordered && c.Roles != nil:
		return Principal{}, errors.New("token: both an order and roles")
	case ordered:
		return c.customer()
	case c.Roles != nil:
		return c.staff()
	}
	return Principal{}, errors.New("token: neither an order nor roles")
}

func (c *claims) customer() (Principal, error) {
	if !customerID.MatchString(c.Subject) {
		return Principal{}, errors.New("token: sub is not a customer id")
	}
	if _, err := strconv.ParseInt(c.Subject, 10, 64); err != nil {
		return Principal{}, errors.New("token: sub is not a customer id")
	}
	if c.OrderRef == nil || !orderRef.MatchString(*c.OrderRef) {
		return Principal{}, errors.New("token: order_ref is missing or malformed")
	}
	if c.Amount == nil || !amount.MatchString(*c.Amount) {
		return Principal{}, errors.New("token: amount is missing or malformed")
	}
	return Principal{
		Kind: KindCustomer, Roles: []Role{RoleCustomer}, Subject: c.Subject, OrderRef: *c.OrderRef, Amount: *c.Amount,
	}, nil
}

func (c *claims) staff() (Principal, error) {
	if c.Subject == "" || len(c.Subject) > longestKeyID || !printable(c.Subject) {
		return Principal{}, errors.New("token: sub is missing or malformed")
	}
	p := Principal{Kind: KindStaff, Subject: c.Subject}
	for _, r := range staffRoles {
		if slices.Contains(c.Roles, string(r)) {
			p.Roles = append(p.Roles, r)
		}
	}
	return p, nil
}

func refused(cause error) error {
	return problem.New(problem.Unauthorized, unauthorizedDetail).Because(cause)
}
