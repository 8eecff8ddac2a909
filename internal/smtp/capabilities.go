package smtp

import (
	"bytes"
	"strings"
)

// capabilities is what the relay's EHLO reply offers.
type capabilities struct {
	startTLS   bool
	pipelining bool
	chunking   bool
	eightBit   bool
	size       bool
	utf8       bool
	auth       bool // with a mechanism that the library knows
}

func readCapabilities(lines []byte) capabilities {
	var c capabilities
	for line := range bytes.Lines(lines) {
		word, rest, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(string(line[min(len(line), 4):]))), " ")
		if first, old := strings.CutPrefix(word, "AUTH="); old { // of servers before RFC 2554
			word, rest = "AUTH", first+" "+rest
		}
		switch word {
		case "STARTTLS":
			c.startTLS = true
		case "PIPELINING":
			c.pipelining = true
		case "CHUNKING":
			c.chunking = true
		case "8BITMIME":
			c.eightBit = true
		case "SIZE":
			c.size = true
		case "SMTPUTF8":
			c.utf8 = true
		case "AUTH":
			c.auth = c.auth || strings.Contains(rest, "PLAIN") || strings.Contains(rest, "LOGIN") || strings.Contains(rest, "CRAM-MD5")
		}
	}
	return c
}

// forLibrary is the EHLO reply as the library may see it: in upper case, which is all
// it understands, without SMTPUTF8, which it would use for every mail, and with all
// mechanisms in one line AUTH, whichever way they were offered.
func (capabilities) forLibrary(lines []byte) []byte {
	var kept [][]byte
	auth := -1
	for line := range bytes.Lines(lines) {
		line = bytes.ToUpper(bytes.TrimSpace(line))
		word := line[min(len(line), 4):]
		mechanisms, offered := bytes.CutPrefix(word, []byte("AUTH "))
		if !offered {
			mechanisms, offered = bytes.CutPrefix(word, []byte("AUTH="))
		}
		switch {
		case len(kept) > 0 && string(word) == "SMTPUTF8":
		case len(kept) > 0 && offered && auth > 0:
			kept[auth] = append(append(kept[auth], ' '), mechanisms...)
		case len(kept) > 0 && offered:
			auth = len(kept)
			kept = append(kept, append([]byte("250-AUTH "), mechanisms...))
		default:
			kept = append(kept, line)
		}
	}
	for i, line := range kept {
		if len(line) > 3 {
			line[3] = '-'
			if i == len(kept)-1 {
				line[3] = ' '
			}
		}
	}
	return append(bytes.Join(kept, []byte("\r\n")), "\r\n"...)
}
