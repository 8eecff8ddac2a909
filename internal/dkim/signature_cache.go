package dkim

import (
	"crypto/sha256"
	"sync"
)

// cacheSize is how many signatures are kept for a message's other recipients and tries.
const cacheSize = 256

// signatureCache has the last signatures by the digest of their message.
type signatureCache struct {
	mu      sync.Mutex
	entries map[[sha256.Size]byte][]byte
	order   [][sha256.Size]byte // oldest first
}

func newSignatureCache() signatureCache {
	return signatureCache{entries: make(map[[sha256.Size]byte][]byte, cacheSize)}
}

func (c *signatureCache) get(digest [sha256.Size]byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.entries[digest]
}

func (c *signatureCache) add(digest [sha256.Size]byte, signatures []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.entries[digest]; ok {
		return
	}
	if len(c.order) == cacheSize {
		delete(c.entries, c.order[0])
		c.order = append(c.order[:0], c.order[1:]...)
	}
	c.entries[digest] = signatures
	c.order = append(c.order, digest)
}
