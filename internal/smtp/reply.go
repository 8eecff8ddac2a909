package smtp

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Bounds of a reply. RFC 5321 allows lines of 512 bytes; what is longer is cut,
// and a reply beyond the total ends the connection.
const (
	maxReplyLine  = 1000
	maxReplyTotal = 64 << 10
	maxReplyText  = 500 // characters kept for people
)

var (
	errReplyTooLong = errors.New("the relay's reply is too long")
	errNotSMTP      = errors.New("not an SMTP reply")
)

// reply is one SMTP reply as it goes on to the library: whole lines, CRLF.
type reply struct {
	code  int
	lines []byte
}

// readReply appends one reply to buf[:0]. Lines are cut at maxReplyLine.
func readReply(in *bufio.Reader, buf []byte) (reply, error) {
	r := reply{lines: buf[:0]}
	for total := 0; ; {
		line, n, err := readLine(in)
		total += n
		if err != nil {
			return reply{}, err
		}
		if total > maxReplyTotal {
			return reply{}, errReplyTooLong
		}
		code, more, ok := splitCode(line)
		if !ok || r.code != 0 && code != r.code {
			return reply{}, fmt.Errorf("%w: %.80q", errNotSMTP, line)
		}
		r.code = code
		r.lines = append(append(r.lines, line...), '\r', '\n')
		if !more {
			return r, nil
		}
	}
}

// readLine gives a line without its end, cut at maxReplyLine, and how many bytes it had.
func readLine(in *bufio.Reader) ([]byte, int, error) {
	line, err := in.ReadSlice('\n')
	n := len(line)
	if errors.Is(err, bufio.ErrBufferFull) {
		line = bytes.Clone(line[:maxReplyLine])
		for errors.Is(err, bufio.ErrBufferFull) && n <= maxReplyTotal {
			var rest []byte
			rest, err = in.ReadSlice('\n')
			n += len(rest)
		}
	}
	switch {
	case n > maxReplyTotal:
		return nil, n, errReplyTooLong
	case errors.Is(err, io.EOF) && n > 0:
		return nil, n, io.ErrUnexpectedEOF
	case err != nil:
		return nil, n, err
	}
	line = bytes.TrimRight(line, "\r\n")
	return line[:min(len(line), maxReplyLine)], n, nil
}

// splitCode reads "250-text": the code and whether another line follows.
func splitCode(line []byte) (code int, more, ok bool) {
	if len(line) < 3 || len(line) > 3 && line[3] != ' ' && line[3] != '-' {
		return 0, false, false
	}
	for _, c := range line[:3] {
		if c < '0' || c > '9' {
			return 0, false, false
		}
		code = code*10 + int(c-'0')
	}
	return code, len(line) > 3 && line[3] == '-', code >= 200 && code < 600
}

// text joins the lines without codes, printable and at most maxReplyText characters.
func (r reply) text() (enhanced, text string) {
	var parts []string
	for line := range strings.Lines(string(r.lines)) {
		line = strings.TrimSpace(line[min(len(line), 4):])
		if code, rest, ok := cutEnhanced(line); ok {
			enhanced, line = code, rest
		}
		if line != "" {
			parts = append(parts, line)
		}
	}
	return enhanced, printable(strings.Join(parts, " "))
}

// cutEnhanced splits "4.7.1 text" (RFC 3463).
func cutEnhanced(line string) (code, rest string, ok bool) {
	word, rest, _ := strings.Cut(line, " ")
	class, detail, _ := strings.Cut(word, ".")
	subject, number, found := strings.Cut(detail, ".")
	if !found || class != "2" && class != "4" && class != "5" || !digits(subject) || !digits(number) {
		return "", line, false
	}
	return word, strings.TrimSpace(rest), true
}

func digits(s string) bool {
	n, err := strconv.Atoi(s)
	return err == nil && len(s) <= 3 && n >= 0 && s[0] != '+'
}

func printable(s string) string {
	kept := 0
	return strings.Map(func(r rune) rune {
		if kept++; kept > maxReplyText {
			return -1
		}
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

var waitPattern = regexp.MustCompile(`(?i)\b(?:in|after)\s+(\d{1,5})\s*(s|m|h)(?:ec|in|our|r)?(?:ond|ute)?s?\b`)

// retryAfter finds "try again in 5 minutes" and the like; 0 when there is none.
func retryAfter(text string) time.Duration {
	m := waitPattern.FindStringSubmatch(text)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1])
	unit := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}[strings.ToLower(m[2])]
	return min(time.Duration(n)*unit, 24*time.Hour)
}
