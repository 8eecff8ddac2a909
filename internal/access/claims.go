package access

import (
	"encoding/json"
	"errors"
	"math"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"sespan/internal/problem"
)

// claims are the members of a token that mean something here (RFC 7519).
type claims struct {
	audience []string
	subject  string
	issued   *float64
	expires  *float64
	from     *float64
	orderRef *string
	amount   *string
	table    *string
	roles    []string
	scope    *string
	name     string
	address  string
}

// A staff token says in its scope that it is one: a site that signs other tokens
// with the same key cannot make one by accident.
const (
	staffScope   = "staff"
	maxStaffName = 150 // characters
	maxTable     = 260 // bytes: two quoted names of PostgreSQL
)

var (
	customerID = regexp.MustCompile(`^[1-9][0-9]{0,18}$`)
	orderRef   = regexp.MustCompile(`^[A-Za-z0-9._:/#-]{1,64}$`)
	amount     = regexp.MustCompile(`^[0-9]{1,18}(\.[0-9]{1,38})?$`) // which of them the shop's money has, the draw says
	staffRoles = []Role{RoleReport, RoleDashboard, RoleAdmin}        // a browser is never the service
)

// parseClaims reads the members by their exact names; encoding/json alone would
// take "SUB" for "sub".
func parseClaims(payload []byte) (claims, error) {
	var c claims
	members, err := uniqueMembers(payload)
	if err != nil {
		return c, err
	}
	for name, into := range map[string]any{
		"sub": &c.subject, "iat": &c.issued, "exp": &c.expires, "nbf": &c.from,
		"order_ref": &c.orderRef, "amount": &c.amount, "customer_table": &c.table, "roles": &c.roles, "scope": &c.scope, "name": &c.name, "address": &c.address,
	} {
		if value, ok := members[name]; ok && json.Unmarshal(value, into) != nil {
			return c, errors.New("token: " + name + " has a wrong type")
		}
	}
	var one string // aud is a string or a list of strings (RFC 7519, 4.1.3)
	if json.Unmarshal(members["aud"], &one) == nil {
		c.audience = []string{one}
	} else if json.Unmarshal(members["aud"], &c.audience) != nil {
		return c, errors.New("token: aud is missing or has a wrong type")
	}
	return c, nil
}

// checkTimes checks the audience and the times; a token lives 15 minutes at most.
func (c *claims) checkTimes(now time.Time) error {
	switch {
	case !slices.Contains(c.audience, audience):
		return errors.New("token: aud is not sespan")
	case c.expires == nil || c.issued == nil:
		return errors.New("token: exp or iat is missing")
	case *c.expires-*c.issued > maxTokenLife.Seconds() || *c.expires <= *c.issued:
		return errors.New("token: lives longer than 15 minutes, or not at all")
	case !now.Before(numericDate(*c.expires).Add(leeway)):
		return errors.New("token: expired")
	case now.Add(leeway).Before(numericDate(*c.issued)):
		return errors.New("token: issued in the future")
	case c.from != nil && now.Add(leeway).Before(numericDate(*c.from)):
		return errors.New("token: not valid yet")
	}
	return nil
}

// numericDate turns a NumericDate into a time; what is out of range becomes year 1.
func numericDate(seconds float64) time.Time {
	if math.Abs(seconds) > 1e11 {
		return time.Time{}
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*float64(time.Second)))
}

func (c *claims) principal() (Principal, error) {
	ordered := c.orderRef != nil || c.amount != nil
	switch {
	case ordered && c.roles != nil:
		return Principal{}, errors.New("token: both an order and roles")
	case ordered && c.scope != nil:
		return Principal{}, errors.New("token: an order has no scope")
	case ordered:
		return c.customer()
	case c.roles != nil && (c.scope == nil || *c.scope != staffScope):
		return Principal{}, errors.New("token: roles without the scope staff")
	case c.roles != nil:
		return c.staff()
	}
	return Principal{}, errors.New("token: neither an order nor roles")
}

func (c *claims) customer() (Principal, error) {
	if !customerID.MatchString(c.subject) {
		return Principal{}, errors.New("token: sub is not a customer id")
	}
	if _, err := strconv.ParseInt(c.subject, 10, 64); err != nil {
		return Principal{}, errors.New("token: sub is not a customer id")
	}
	if c.orderRef == nil || !orderRef.MatchString(*c.orderRef) {
		return Principal{}, errors.New("token: order_ref is missing or malformed")
	}
	if c.amount == nil || !amount.MatchString(*c.amount) {
		return Principal{}, errors.New("token: amount is missing or malformed")
	}
	table, err := c.customerTable()
	return Principal{
		Kind: KindCustomer, Roles: []Role{RoleCustomer}, Subject: c.subject, OrderRef: *c.orderRef, Amount: *c.amount, CustomerTable: table,
	}, err
}

// customerTable is the claim customer_table, which tokens of older sites have not.
func (c *claims) customerTable() (string, error) {
	if c.table == nil {
		return "", nil
	}
	if *c.table == "" || len(*c.table) > maxTable || !printable(*c.table) {
		return "", errors.New("token: customer_table is malformed")
	}
	return *c.table, nil
}

func (c *claims) staff() (Principal, error) {
	if c.subject == "" || len(c.subject) > maxKeyIDLength || !printable(c.subject) {
		return Principal{}, errors.New("token: sub is missing or malformed")
	}
	if c.name == "" || utf8.RuneCountInString(c.name) > maxStaffName || !printable(c.name) {
		return Principal{}, errors.New("token: name is missing or malformed")
	}
	p := Principal{Kind: KindStaff, Subject: c.subject, Name: c.name, Issued: numericDate(*c.issued)}
	if c.address != "" { // a site that does not know it leaves it out
		address, err := netip.ParseAddr(c.address)
		if err != nil {
			return Principal{}, errors.New("token: address is none")
		}
		p.Address = address.Unmap().WithZone("")
	}
	for _, r := range staffRoles {
		if slices.Contains(c.roles, string(r)) {
			p.Roles = append(p.Roles, r)
		}
	}
	if p.Roles == nil {
		return Principal{}, errors.New("token: none of its roles is known")
	}
	return p, nil
}

func unauthorizedBecause(cause error) error {
	return problem.New(problem.Unauthorized, unauthorizedDetail).WithCause(cause)
}
