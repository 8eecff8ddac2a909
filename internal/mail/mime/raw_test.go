package mime

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func rawContent(raw string) Content {
	return Content{
		MessageID: "<1@shop.example>", Date: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
		From: "shop@shop.example", Raw: []byte(raw),
	}
}

func TestComposeRaw(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ raw, want string }{
		"complete": {
			"From: a@b.co\r\nDate: x\r\nMessage-ID: <y@z>\r\n\r\nbody\r\n.\r\n",
			"From: a@b.co\r\nDate: x\r\nMessage-ID: <y@z>\r\n\r\nbody\r\n.\r\n",
		},
		"line ends and additions": {
			"Subject: x\n\nlone\rcr\n",
			"From: shop@shop.example\r\nDate: Sun, 01 Mar 2026 00:00:00 +0000\r\nMessage-ID: <1@shop.example>\r\nSubject: x\r\n\r\nlone\r\ncr\r\n",
		},
		"Bcc, folded and odd": {
			"From: a@b.co\nbCC : x@y.co,\n z@y.co\nDATE: x\nResent-Bcc:\n\tq@y.co\nmessage-id: <y@z>\nTo: t@b.co\n\nBcc: body stays\n",
			"From: a@b.co\r\nDATE: x\r\nmessage-id: <y@z>\r\nTo: t@b.co\r\n\r\nBcc: body stays\r\n",
		},
		"header only": {
			"From: a@b.co\r\nDate: x\r\nMessage-ID: <y@z>",
			"From: a@b.co\r\nDate: x\r\nMessage-ID: <y@z>\r\n\r\n",
		},
		"8-bit body": {
			"From: a@b.co\nDate: x\nMessage-ID: <y@z>\n\nGröße \xff\x00",
			"From: a@b.co\r\nDate: x\r\nMessage-ID: <y@z>\r\n\r\nGröße \xff\x00",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := compose(t, rawContent(c.raw)); got != c.want {
				t.Fatalf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestComposeRawRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		raw   string
		field string
	}{
		"empty":         {"", "raw"},
		"no header":     {"\r\nbody\r\n", "raw"},
		"text":          {"hello there\r\n", "raw"},
		"mbox":          {"From shop Sun Mar  1\nFrom: a@b.co\n\nx", "raw"},
		"starts folded": {" x: y\r\n\r\n", "raw"},
		"NUL in header": {"From: a\x00@b.co\r\n\r\n", "raw"},
		"long line":     {"From: a@b.co\r\n\r\n" + strings.Repeat("x", 999) + "\r\n", "raw"},
		"long header":   {"From: a@b.co\r\nX: " + strings.Repeat("x", 999) + "\r\n\r\n", "raw"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Compose(rawContent(c.raw))
			var wrong *Error
			if !errors.As(err, &wrong) || wrong.Field != c.field {
				t.Fatalf("got %v, want a fault in %s", err, c.field)
			}
		})
	}
	bare := rawContent("Subject: x\r\n\r\n")
	bare.From = ""
	if _, err := Compose(bare); err == nil || err.Error() != "from: is missing in the raw message" {
		t.Fatalf("got %v", err)
	}
	bare = rawContent("From: a@b.co\r\n\r\n")
	bare.Date = time.Time{}
	if _, err := Compose(bare); err == nil || err.Error() != "date: is missing in the raw message" {
		t.Fatalf("got %v", err)
	}
}

// TestComposeRawMadeUpID is stable, too.
func TestComposeRawMadeUpID(t *testing.T) {
	t.Parallel()
	c := rawContent("From: a@b.co\r\n\r\nx\r\n")
	c.MessageID = ""
	first := compose(t, c)
	if !strings.Contains(first, "Message-ID: <") || compose(t, c) != first {
		t.Fatalf("got %q", first)
	}
}

// FuzzComposeRaw: line ends are CRLF, Bcc is gone, and composing again changes nothing.
func FuzzComposeRaw(f *testing.F) {
	f.Add([]byte("From: a@b.co\nBcc: x@y.co\n z\n\nbody"))
	f.Add([]byte("a:b\r\rc:d\r\n\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		out, err := Compose(rawContent(string(raw)))
		if err != nil {
			return
		}
		head, _, _ := strings.Cut(string(out), "\r\n\r\n")
		for line := range strings.SplitSeq(head, "\r\n") {
			if name, _, _ := strings.Cut(line, ":"); strings.EqualFold(strings.TrimSpace(name), "bcc") && !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "\t") {
				t.Fatalf("Bcc left: %q", head)
			}
		}
		if bare := strings.ReplaceAll(string(out), "\r\n", ""); strings.ContainsAny(bare, "\r\n") {
			t.Fatalf("lone CR or LF: %q", out)
		}
		again, err := Compose(rawContent(string(out)))
		if err != nil || string(again) != string(out) {
			t.Fatalf("not stable (%v): %q, %q", err, out, again)
		}
	})
}
