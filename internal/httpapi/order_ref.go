package httpapi

import (
	"encoding/json"
	"errors"

	"github.com/danielgtaylor/huma/v2"

	"sespan/internal/transaction"
)

// orderRef is the site's name of an order in a request: text, or a whole number, which
// counts as its digits.
type orderRef string

const orderRefForms = "an order_ref is 1 to 64 of the characters A-Z a-z 0-9 . _ : / # -, or a whole number"

// UnmarshalJSON implements json.Unmarshaler. Of a number the digits count as they were sent.
func (o *orderRef) UnmarshalJSON(b []byte) error {
	var text string
	if json.Unmarshal(b, &text) == nil {
		*o = orderRef(text)
		return nil
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return errors.New(orderRefForms)
		}
	}
	*o = orderRef(b)
	return nil
}

// Schema implements huma.SchemaProvider.
func (orderRef) Schema(huma.Registry) *huma.Schema {
	least, most := 0.0, float64(1<<63-1)
	s := &huma.Schema{
		Description: "The site's name of the order; each customer's order is drawn once, for ever. A whole number counts as its digits.",
		Examples:    []any{"INV/2026/11/001"},
		OneOf: []*huma.Schema{
			{Type: huma.TypeString, Pattern: transaction.OrderRefPattern},
			{Type: huma.TypeInteger, Format: "int64", Minimum: &least, Maximum: &most},
		},
	}
	s.OneOf[0].PrecomputeMessages()
	s.OneOf[1].PrecomputeMessages()
	return s
}
