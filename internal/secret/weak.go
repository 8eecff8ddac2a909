package secret

import "fmt"

// Weak names the keys that somebody could guess, and why, by their ids.
func (r *Ring) Weak() []string {
	var weak []string
	for i := range r.keys {
		if r.keys[i].weak != "" {
			weak = append(weak, fmt.Sprintf("key %q of SESPAN_SECRET_KEYS %s", r.keys[i].id, r.keys[i].weak))
		}
	}
	return weak
}

// Weakness says why raw was hardly drawn at random; "" when it may have been. A random
// key of 16 bytes or more is never told, but once in a billion.
func Weakness(raw []byte) string {
	seen, printable := [256]bool{}, true
	different := 0
	for _, b := range raw {
		if !seen[b] {
			seen[b] = true
			different++
		}
		printable = printable && b >= ' ' && b <= '~'
	}
	switch {
	case different == 1:
		return fmt.Sprintf("is one byte %d times", len(raw))
	case different <= len(raw)/2:
		return fmt.Sprintf("has only %d different bytes of %d", different, len(raw))
	case printable && len(raw) > 20:
		return "is text that somebody typed, not random bytes"
	}
	return ""
}
