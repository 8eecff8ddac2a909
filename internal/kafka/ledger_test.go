package kafka

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"sespan/internal/mail"
)

func received(l *ledger, lane mail.Lane, partition int32, offsets ...int64) (entries []*entry) {
	for _, offset := range offsets {
		a := mail.Announcement{QueueID: offset, Lane: lane}
		entries = append(entries, l.add(&kgo.Record{Topic: lane.String(), Partition: partition, Offset: offset}, &a))
	}
	return entries
}

func ends(l *ledger) map[int32]int64 {
	found := map[int32]int64{}
	for _, e := range l.commits() {
		found[e.of.id.index] = e.offset
	}
	return found
}

func TestOnlyTheAcknowledgedPrefixIsCommitted(t *testing.T) {
	t.Parallel()
	l := newLedger(10)
	first := received(l, mail.LaneBulk, 1, 4, 5, 7, 8)
	other := received(l, mail.LaneBulk, 2, 1)
	require.Empty(t, ends(l))
	l.acknowledge(first[1], first[2], first[2])
	require.Empty(t, ends(l), "4 is not acknowledged")
	l.acknowledge(first[0])
	require.Equal(t, map[int32]int64{1: 7}, ends(l))
	l.acknowledge(other...)
	require.Equal(t, map[int32]int64{1: 7, 2: 1}, ends(l))
	told := l.commits()
	l.acknowledge(first[3])
	l.committed(told)
	require.Equal(t, map[int32]int64{1: 8}, ends(l), "what was acknowledged meanwhile is told next")
}

func TestUrgentIsHandedOverFirstAndEachLaneHasItsLimit(t *testing.T) {
	t.Parallel()
	l := newLedger(2)
	bulk := received(l, mail.LaneBulk, 0, 1, 2, 3)
	require.True(t, l.full(mail.LaneBulk))
	require.False(t, l.full(mail.LaneUrgent))
	reserved := l.reserve()
	require.Same(t, bulk[0], reserved)
	require.False(t, l.outrun(reserved))
	urgent := received(l, mail.LaneUrgent, 0, 1, 2, 3)
	require.True(t, l.outrun(reserved), "an urgent one has come")
	l.putBack(reserved)
	require.Same(t, urgent[0], l.reserve())
	require.Same(t, urgent[1], l.reserve())
	require.Same(t, bulk[0], l.reserve(), "the urgent lane has its two")
	l.acknowledge(urgent[0])
	require.Same(t, urgent[2], l.reserve())
	require.Same(t, bulk[1], l.reserve())
	require.Nil(t, l.reserve())
	l.acknowledge(bulk[0], bulk[0])
	require.Same(t, bulk[2], l.reserve())
	require.Nil(t, l.reserve())
}

func TestWhatWasGivenUpIsForgotten(t *testing.T) {
	t.Parallel()
	l := newLedger(2)
	old := received(l, mail.LaneBulk, 1, 1, 2)
	stays := received(l, mail.LaneBulk, 2, 1, 2)
	handed := l.reserve()
	require.Same(t, old[0], handed)
	l.giveUp(map[string][]int32{mail.LaneBulk.String(): {1}})
	require.True(t, l.outrun(handed))
	l.putBack(handed)
	l.acknowledge(old...)
	require.Empty(t, ends(l), "the partition is another's")
	require.Same(t, stays[0], l.reserve())
	again := received(l, mail.LaneBulk, 1, 1)
	require.Same(t, stays[1], l.reserve())
	require.Nil(t, l.reserve())
	l.acknowledge(stays...)
	require.Same(t, again[0], l.reserve())
	l.giveUpAll()
	l.acknowledge(again...)
	require.Empty(t, ends(l))
	require.False(t, l.full(mail.LaneBulk))
}
