package address_test

import (
	_ "embed"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"sespan/internal/address"
)

//go:embed testdata/vectors.json
var vectors []byte

func TestVectors(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []struct {
			Address      string
			Mailbox, Key *string
		}
	}
	require.NoError(t, json.Unmarshal(vectors, &file))
	require.NotEmpty(t, file.Vectors)
	for _, v := range file.Vectors {
		for name, f := range map[string]func(string) (string, error){"mailbox": address.Mailbox, "key": address.Key} {
			got, err := f(v.Address)
			want := map[string]*string{"mailbox": v.Mailbox, "key": v.Key}[name]
			if (want == nil) != (err != nil) || want != nil && got != *want {
				t.Errorf("%s(%+q) = %+q, %v; want %s", name, v.Address, got, err, text(want))
			}
		}
	}
}

func text(s *string) string {
	if s == nil {
		return "a refusal"
	}
	return *s
}
