package mime

import (
	"bytes"
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

// validUTF8 replaces what is not UTF-8.
func validUTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// CRLF makes every line end CRLF: a lone CR or LF is taken for a line end. The
// argument is returned as it is when nothing is to be done.
func CRLF(b []byte) []byte {
	feeds, returns := bytes.Count(b, []byte{'\n'}), bytes.Count(b, []byte{'\r'}) // single bytes are counted fastest
	if feeds == returns && allCRLF(b) {
		return b
	}
	out := make([]byte, 0, len(b)+feeds+returns)
	for {
		end := bytes.IndexByte(b, '\n')
		if returns > 0 {
			end = bytes.IndexAny(b, "\r\n")
		}
		if end < 0 {
			return append(out, b...)
		}
		out = append(append(out, b[:end]...), '\r', '\n')
		if b[end] == '\r' && end+1 < len(b) && b[end+1] == '\n' {
			end++
		}
		b = b[end+1:]
	}
}

// allCRLF reports whether each LF follows a CR.
func allCRLF(b []byte) bool {
	for {
		end := bytes.IndexByte(b, '\n')
		if end < 0 {
			return true
		}
		if end == 0 || b[end-1] != '\r' {
			return false
		}
		b = b[end+1:]
	}
}

// textEncoding picks the encoding that keeps a text readable and its lines short:
// 7bit where nothing on the way could change it, base64 where most is not ASCII.
func textEncoding(b []byte) string {
	plain := !bytes.Contains(b, []byte("=_")) // see boundary
	for line := range bytes.Lines(b) {
		if len(line) > maxToken || bytes.HasPrefix(line, []byte("From ")) {
			plain = false
			break
		}
	}
	beyond := 0
	for _, c := range b {
		switch {
		case c-' ' < 0x7f-' ': // nearly always
		case c >= 0x80:
			beyond++
		case c != '\t' && c != '\r' && c != '\n':
			plain = false
		}
	}
	switch {
	case beyond == 0 && plain:
		return "7bit"
	case beyond > len(b)/4:
		return "base64"
	default:
		return "quoted-printable"
	}
}

// writeQuotedPrintable is RFC 2045 section 6.7 for text with CRLF line ends: lines
// of at most 76 characters, blanks at a line's end and "From " at its beginning
// encoded. It copies runs that need no encoding, where the standard library's
// writer goes byte by byte; the tests read it back with that library.
func writeQuotedPrintable(out *bytes.Buffer, b []byte) {
	for line := range bytes.Lines(b) {
		text := bytes.TrimSuffix(line, []byte("\r\n"))
		width := 0
		for i := 0; i < len(text); {
			run := literalRun(text, i, 75-width)
			out.Write(text[i : i+run])
			i, width = i+run, width+run
			switch {
			case i == len(text):
			case width > 72 || literalRun(text, i, 1) == 1:
				out.WriteString("=\r\n")
				width = 0
			default:
				out.Write([]byte{'=', upperHex[text[i]>>4], upperHex[text[i]&15]})
				i, width = i+1, width+3
			}
		}
		if len(text) < len(line) {
			out.WriteString("\r\n")
		}
	}
}

const upperHex = "0123456789ABCDEF"

// literalRun is how many bytes of text from i on, at most n, stand for themselves.
func literalRun(text []byte, i, n int) int {
	end := min(len(text), i+n)
	for j := i; j < end; j++ {
		c := text[j]
		switch {
		case c == ' ' || c == '\t':
			if j == len(text)-1 {
				return j - i
			}
		case c < '!' || c > '~' || c == '=':
			return j - i
		case c == 'F' && j == 0 && bytes.HasPrefix(text, []byte("From ")):
			return 0
		}
	}
	return end - i
}

// writeBase64 writes lines of 76 characters.
func writeBase64(out *bytes.Buffer, b []byte) {
	const perLine = 57
	line := make([]byte, 0, 78)
	for len(b) > 0 {
		n := min(perLine, len(b))
		line = append(base64.StdEncoding.AppendEncode(line[:0], b[:n]), '\r', '\n')
		out.Write(line)
		b = b[n:]
	}
}
