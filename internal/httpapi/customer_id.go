package httpapi

import (
	"errors"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// customerID is a customer's key in a request: a positive integer, as a JSON
// number or as a string of digits. Answers and tokens carry it as a string.
type customerID int64

const (
	customerIDPattern = `^[1-9][0-9]{0,18}$`
	customerIDForms   = "a customer id is a positive integer, as a number or a string of digits"
)

// UnmarshalJSON implements json.Unmarshaler.
func (c *customerID) UnmarshalJSON(b []byte) error {
	s := string(b)
	if unquoted, err := strconv.Unquote(s); err == nil {
		s = unquoted
	}
	id, err := strconv.ParseInt(s, 10, 64)
	if err != nil || id < 1 || strconv.FormatInt(id, 10) != s {
		return errors.New(customerIDForms)
	}
	*c = customerID(id)
	return nil
}

// MarshalJSON writes the string form.
func (c customerID) MarshalJSON() ([]byte, error) {
	return strconv.AppendQuote(nil, strconv.FormatInt(int64(c), 10)), nil
}

// Schema implements huma.SchemaProvider.
func (customerID) Schema(huma.Registry) *huma.Schema {
	least, most := 1.0, float64(1<<63-1)
	s := &huma.Schema{
		Description: "A customer's integer key, as a string of digits or as a number.",
		Examples:    []any{"42"},
		OneOf: []*huma.Schema{
			{Type: huma.TypeString, Pattern: customerIDPattern},
			{Type: huma.TypeInteger, Format: "int64", Minimum: &least, Maximum: &most},
		},
	}
	s.OneOf[0].PrecomputeMessages()
	s.OneOf[1].PrecomputeMessages()
	return s
}
