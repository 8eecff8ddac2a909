package transaction

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"strconv"
	"time"
)

const (
	drawVersion     = 1               // transaction_log.draw_version
	drawVersionName = "sespan-draw-1" // first part of the message
	dayLayout       = time.DateOnly
	seedBytes       = 32
)

// Epoch is a UTC day and the seed of its draws.
type Epoch struct {
	Day  time.Time // midnight UTC
	Seed [seedBytes]byte
}

// Number gives the order's draw number: the first 64 bits of HMAC-SHA-256
// (RFC 2104) over the message that doc.go describes.
func (e Epoch) Number(o Order) uint64 {
	mac := hmac.New(sha256.New, e.Seed[:])
	part(mac, drawVersionName)
	part(mac, e.Day.Format(dayLayout))
	part(mac, strconv.FormatInt(o.CustomerID, 10))
	part(mac, o.OrderRef)
	part(mac, o.ClientNonce)
	return binary.BigEndian.Uint64(mac.Sum(nil))
}

func part(h hash.Hash, s string) {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(s)))
	h.Write(n[:])
	h.Write([]byte(s))
}
