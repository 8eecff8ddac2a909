package apilog

import (
	"bytes"
	"encoding/json"
)

const maxDepth = 32 // levels of JSON; deeper documents are not ours

// scanner walks a JSON document once and copies it with the secrets replaced:
// values under a secret name, values that look like a secret, and values without
// any name (of a top-level array or scalar), about which nothing is known. It
// checks every occurrence of a name, so a repeated one hides nothing.
type scanner struct {
	src       []byte
	pos       int
	dst       []byte
	copied    int // src up to here stands in dst, redacted
	replacing int // inside a value that is replaced as a whole
	max       int // stop soon after this many bytes of output
}

// redactJSON gives the redacted document, or false when src is not one JSON value.
// The output may stop early, after max bytes.
func redactJSON(src []byte, maximum int) ([]byte, bool) {
	s := &scanner{src: src, dst: make([]byte, 0, min(len(src), maximum)+64), max: maximum}
	if !s.value(0, false) {
		return nil, false
	}
	if s.full() {
		return s.rest(), true
	}
	s.space()
	return s.rest(), s.pos == len(src)
}

func (s *scanner) rest() []byte { return append(s.dst, s.src[s.copied:s.pos]...) }

// full tells that what was seen fills the output, so the rest need not be read.
func (s *scanner) full() bool { return s.replacing == 0 && len(s.dst)+s.pos-s.copied > s.max }

func (s *scanner) value(depth int, named bool) bool {
	s.space()
	if s.pos >= len(s.src) || depth > maxDepth {
		return false
	}
	start := s.pos
	switch c := s.src[s.pos]; {
	case c == '{':
		return s.object(depth + 1)
	case c == '[':
		return s.array(depth+1, named)
	case c == '"':
		text, ok := s.str()
		if ok && (!named || secretValue(plainName(text))) {
			s.replace(start)
		}
		return ok
	case c == '-' || '0' <= c && c <= '9':
		s.number()
		if !named {
			s.replace(start)
		}
		return true
	}
	return s.literal("true") || s.literal("false") || s.literal("null")
}

func (s *scanner) object(depth int) bool {
	s.pos++
	for first := true; ; first = false {
		if s.consume('}') {
			return true
		}
		if !first && !s.consume(',') {
			return false
		}
		s.space()
		if !s.member(depth) {
			return false
		}
		if s.full() {
			return true
		}
	}
}

func (s *scanner) member(depth int) bool {
	start := s.pos
	if start >= len(s.src) || s.src[start] != '"' {
		return false
	}
	raw, ok := s.str()
	if !ok {
		return false
	}
	if secretValue(raw) {
		s.replace(start)
	}
	if !s.consume(':') {
		return false
	}
	if !secretName(plainName(raw)) {
		return s.value(depth, true)
	}
	s.space()
	start = s.pos
	s.replacing++
	ok = s.value(depth, true)
	s.replacing--
	if ok {
		s.replace(start)
	}
	return ok
}

func (s *scanner) array(depth int, named bool) bool {
	s.pos++
	for first := true; ; first = false {
		if s.consume(']') {
			return true
		}
		if !first && !s.consume(',') {
			return false
		}
		if !s.value(depth, named) {
			return false
		}
		if s.full() {
			return true
		}
	}
}

// replace puts "[redacted]" in place of src[start:pos].
func (s *scanner) replace(start int) {
	if s.replacing > 0 {
		return
	}
	s.dst = append(append(s.dst, s.src[s.copied:start]...), `"`+redacted+`"`...)
	s.copied = s.pos
}

func (s *scanner) space() {
	for s.pos < len(s.src) && (s.src[s.pos] == ' ' || s.src[s.pos] == '\n' || s.src[s.pos] == '\t' || s.src[s.pos] == '\r') {
		s.pos++
	}
}

// consume skips white space and c, if that is what comes next.
func (s *scanner) consume(c byte) bool {
	s.space()
	if s.pos >= len(s.src) || s.src[s.pos] != c {
		return false
	}
	s.pos++
	return true
}

// str reads a string and gives what stands between its quotes, still escaped.
func (s *scanner) str() ([]byte, bool) {
	start := s.pos + 1
	for i := start; i < len(s.src); i++ {
		switch c := s.src[i]; {
		case c == '"':
			s.pos = i + 1
			return s.src[start:i], true
		case c == '\\':
			i++
		case c < ' ':
			return nil, false
		}
	}
	return nil, false
}

func (s *scanner) number() {
	for s.pos < len(s.src) && bytes.IndexByte([]byte("+-.0123456789eE"), s.src[s.pos]) >= 0 {
		s.pos++
	}
}

func (s *scanner) literal(w string) bool {
	if !bytes.HasPrefix(s.src[s.pos:], []byte(w)) {
		return false
	}
	s.pos += len(w)
	return true
}

// plainName undoes escapes such as "p\u0061ssword"; a broken one counts as secret.
func plainName(raw []byte) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw
	}
	var name string
	if json.Unmarshal(append(append([]byte{'"'}, raw...), '"'), &name) != nil {
		return []byte("secret")
	}
	return []byte(name)
}
