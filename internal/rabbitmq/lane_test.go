package rabbitmq

import (
	"math/rand/v2"
	"slices"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/assert"
)

func TestAcknowledgementsAreGathered(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		open, numbers []uint64
		upTo          uint64
		single, rest  []uint64
	}{
		"all":               {[]uint64{1, 2, 3}, []uint64{3, 1, 2}, 3, nil, nil},
		"the oldest":        {[]uint64{1, 2, 3}, []uint64{1, 2}, 2, nil, []uint64{3}},
		"not the oldest":    {[]uint64{1, 2, 3}, []uint64{2, 3}, 0, []uint64{2, 3}, []uint64{1}},
		"some of both":      {[]uint64{4, 5, 6, 9}, []uint64{4, 9}, 4, []uint64{9}, []uint64{5, 6}},
		"one that is not":   {[]uint64{4, 5}, []uint64{3, 6}, 0, nil, []uint64{4, 5}},
		"of none":           {nil, []uint64{1}, 0, nil, nil},
		"a gap is no limit": {[]uint64{4, 8}, []uint64{4, 8}, 8, nil, nil},
	} {
		upTo, single, rest := split(slices.Clone(c.open), c.numbers)
		assert.Equal(t, c.upTo, upTo, name)
		assert.Equal(t, c.single, single, name)
		assert.Equal(t, c.rest, append([]uint64(nil), rest...), name)
	}
}

// Whatever the order, each delivery is acknowledged once, and none that was not named.
func TestAcknowledgementsOfAnyOrder(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var open []uint64
		for number := range uint64(50) {
			open = append(open, number+1)
		}
		order := random.Perm(50)
		at, done := 0, map[uint64]bool{}
		for at < 50 {
			n := min(1+random.IntN(10), 50-at)
			var numbers []uint64
			for _, i := range order[at : at+n] {
				numbers = append(numbers, uint64(i)+1)
			}
			before := slices.Clone(open)
			upTo, single, rest := split(open, numbers)
			for _, number := range before {
				if number <= upTo || slices.Contains(single, number) {
					assert.Contains(t, numbers, number)
					assert.False(t, done[number])
					done[number] = true
				}
			}
			at, open = at+n, rest
		}
		assert.Len(t, done, 50)
		assert.Empty(t, open)
	}
}

func TestVersionsThatWillDo(t *testing.T) {
	t.Parallel()
	for version, good := range map[string]bool{
		"3.10.0": true, "3.10.8": true, "3.13.7": true, "4.0.1": true, "4.2": true, "10.0.0": true, "3.10.0+rc.1": true,
		"3.9.29": false, "3.8.2": false, "2.9.1": false, "": false, "four": false, "3": false, "3.x": false,
	} {
		err := checkVersion(amqp.Table{"product": "RabbitMQ", "version": version})
		assert.Equal(t, good, err == nil, "%s: %v", version, err)
	}
	assert.Error(t, checkVersion(amqp.Table{"product": "Another", "version": "4.0.0"}))
	assert.Error(t, checkVersion(amqp.Table{}))
}

func TestBackoffGrowsToItsLimit(t *testing.T) {
	t.Parallel()
	for failures := range 70 {
		for range 20 {
			d := backoff(failures)
			longest := min(firstPause<<min(failures, 6), lastPause)
			assert.LessOrEqual(t, d, longest)
			assert.True(t, failures == 0 || d >= longest/2, "after %d failures %s", failures, d)
		}
	}
}
