package postgres_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"sespan/internal/devtools/pgtest"
)

// SQL's answer is the key of Go and Python, or NULL where the vectors say so.
func TestAddressKeyVectors(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../address/testdata/vectors.json")
	require.NoError(t, err)
	var file struct {
		Vectors []struct {
			Address string
			Key     *string
			SQL     bool
		}
	}
	require.NoError(t, json.Unmarshal(raw, &file))
	pgtest.EachTurkish(t, func(t *testing.T, db *pgtest.DB) {
		for _, v := range file.Vectors {
			var got *string
			if err := db.Pool.QueryRow(t.Context(), "SELECT sespan.address_key($1)", v.Address).Scan(&got); err != nil {
				require.Contains(t, v.Address, "\x00", "%+q: %v", v.Address, err)
				continue
			}
			want := v.Key
			if !v.SQL {
				want = nil
			}
			require.Equal(t, want, got, "%+q", v.Address)
		}
	})
}
