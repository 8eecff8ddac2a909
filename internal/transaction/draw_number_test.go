package transaction

import (
	"encoding/hex"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// Vectors are computed by another implementation (Python's hmac), so that any
// language can be checked against the same file.
type vectors struct {
	Version string `json:"version"`
	Numbers []struct {
		Seed        string `json:"seed"`
		Epoch       string `json:"epoch"`
		CustomerID  string `json:"customer_id"`
		OrderRef    string `json:"order_ref"`
		ClientNonce string `json:"client_nonce"`
		Number      string `json:"number"`
	} `json:"numbers"`
}

func TestNumberVectors(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/draw_vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	if v.Version != drawVersionName || len(v.Numbers) == 0 {
		t.Fatalf("vectors of %q, %d numbers", v.Version, len(v.Numbers))
	}
	for i, c := range v.Numbers {
		e := epochFrom(t, c.Seed, c.Epoch)
		customer, err := strconv.ParseInt(c.CustomerID, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		got := e.Number(Order{CustomerID: customer, OrderRef: c.OrderRef, ClientNonce: c.ClientNonce})
		if strconv.FormatUint(got, 10) != c.Number {
			t.Errorf("vector %d: got %d, want %s", i, got, c.Number)
		}
	}
}

func epochFrom(t *testing.T, seed, day string) Epoch {
	t.Helper()
	var e Epoch
	raw, err := hex.DecodeString(seed)
	if err != nil || copy(e.Seed[:], raw) != seedBytes {
		t.Fatalf("seed %q: %v", seed, err)
	}
	if e.Day, err = time.Parse(time.DateOnly, day); err != nil {
		t.Fatal(err)
	}
	return e
}

// The numbers of consecutive orders fall evenly into 64 bins of 2^58: Pearson's
// chi-square with 63 degrees of freedom, for fixed seeds, below the value that
// chance exceeds once in a million (Wilson and Hilferty's approximation).
func TestNumbersAreUniform(t *testing.T) {
	t.Parallel()
	const bins, draws = 64, 200_000
	random := rand.New(rand.NewPCG(1, 2))
	for trial := range 3 {
		var e Epoch
		for i := range e.Seed {
			e.Seed[i] = byte(random.Uint32())
		}
		e.Day = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
		var counts [bins]int
		for i := range draws {
			n := e.Number(Order{CustomerID: int64(i%97 + 1), OrderRef: strconv.Itoa(i)})
			counts[n>>58]++
		}
		if x, limit := chiSquare(counts[:], draws/bins), chiSquareLimit(bins-1, 4.75); x > limit {
			t.Errorf("trial %d: chi-square %.1f over %.1f", trial, x, limit)
		}
	}
}

func chiSquare(counts []int, expected float64) float64 {
	x := 0.0
	for _, n := range counts {
		d := float64(n) - expected
		x += d * d / expected
	}
	return x
}

// chiSquareLimit is the quantile z standard deviations out.
func chiSquareLimit(freedom, z float64) float64 {
	a := 2 / (9 * freedom)
	return freedom * math.Pow(1-a+z*math.Sqrt(a), 3)
}
