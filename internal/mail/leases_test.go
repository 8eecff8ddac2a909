package mail

import (
	"testing"
	"time"
)

func TestLeaseOfAHangingSenderIsNotRenewed(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	h := newLeaseTable(func() time.Time { return now })
	row := []Claimed{{Lease: Lease{1, 1}}}
	h.add(row, now.Add(30*time.Second))
	if list := h.expiring(20*time.Second, time.Hour); len(list) != 0 {
		t.Error("a young lease is renewed")
	}
	now = now.Add(15 * time.Second)
	if list := h.expiring(20*time.Second, time.Hour); len(list) != 1 {
		t.Error("an old lease is not renewed")
	}
	if list := h.expiring(20*time.Second, 10*time.Second); len(list) != 1 {
		t.Error("the lease of a mail that waits behind others is not renewed")
	}
	h.take(row[0].Lease)
	now = now.Add(10 * time.Second)
	if list := h.expiring(20*time.Second, 10*time.Second); len(list) != 0 {
		t.Error("a lease is renewed for ever")
	}
}
