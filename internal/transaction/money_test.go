package transaction

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"sespan/internal/problem"
)

func TestAmount(t *testing.T) {
	t.Parallel()
	for s, minor := range map[string]Minor{
		"150000.00": 2, "0.01": 2, "999999999999999.99": 2, "1": 2, "007": 2, "150000.0000": 0, "0.0001": 4,
	} {
		if _, err := minor.Amount(s); err != nil {
			t.Errorf("%q with %d decimals: %v", s, minor, err)
		}
	}
	for s, minor := range map[string]Minor{
		"": 2, "-1": 2, "+1": 2, "1e3": 2, "NaN": 2, "Infinity": 2, "1000000000000000": 2, "0.001": 2, "0.5": 0,
		"1.": 2, ".5": 2, "1,5": 2, " 1": 2, "1\n": 2, "１": 2, "1_000": 2, "0x10": 2, "1.00001": 4, "1." + strings.Repeat("0", 39): 2,
	} {
		if _, err := minor.Amount(s); problem.SlugOf(err) != problem.Invalid {
			t.Errorf("%q with %d decimals: %v, want invalid", s, minor, err)
		}
	}
	d, _ := Minor(2).Amount("1500")
	if got := Minor(2).Format(d); got != "1500.00" {
		t.Errorf("got %s", got)
	}
}

// The bridge runs the same vectors: what it hands on, a till does not refuse.
func TestAmountVectors(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/amount_vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Amounts []struct {
			Text   string
			Minor  Minor
			Amount *string
			Form   string
		}
	}
	if err := json.Unmarshal(raw, &file); err != nil || len(file.Amounts) < 20 {
		t.Fatal(err, len(file.Amounts))
	}
	for _, v := range file.Amounts {
		for _, text := range []string{v.Text, v.Form} {
			d, err := v.Minor.Amount(text)
			switch {
			case v.Amount == nil && err == nil:
				t.Errorf("%q with %d decimals is taken as %s", text, v.Minor, d)
			case v.Amount != nil && (err != nil || v.Minor.Format(d) != *v.Amount):
				t.Errorf("%q with %d decimals: %s, %v; want %s", text, v.Minor, d, err, *v.Amount)
			}
		}
	}
}

func TestDecimal(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"0", "1", "0.25", "0.000000000000000001", "999999999999999999"} {
		if d, err := Decimal(s); err != nil || !d.Equal(dec(s)) {
			t.Errorf("%q: %v %v", s, d, err)
		}
	}
	for _, s := range []string{"", "-0", "1e400000000", ".1", "1.", "NaN", "0.1234567890123456789", "٣"} {
		if _, err := Decimal(s); problem.SlugOf(err) != problem.Invalid {
			t.Errorf("%q: %v, want invalid", s, err)
		}
	}
}

func TestOrderValidate(t *testing.T) {
	t.Parallel()
	good := Order{CustomerID: 1, OrderRef: "A-1", Amount: dec("1.50")}
	if err := good.Validate(2); err != nil {
		t.Fatal(err)
	}
	for field, o := range map[string]Order{
		"customer_id":        {CustomerID: 0, OrderRef: "A", Amount: dec("1")},
		"order_ref":          {CustomerID: 1, OrderRef: "A b", Amount: dec("1")},
		"client_nonce":       {CustomerID: 1, OrderRef: "A", Amount: dec("1"), ClientNonce: "a b"},
		"transaction_amount": {CustomerID: 1, OrderRef: "A", Amount: dec("1.505")},
	} {
		p, ok := errors.AsType[*problem.Problem](o.Validate(2))
		if !ok || p.Field != field {
			t.Errorf("%s: %v", field, p)
		}
	}
}
