package mime

import (
	"bytes"
	"io"
	"mime/quotedprintable"
	"strings"
	"testing"
)

func TestTextEncoding(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plain\r\n":                          "7bit",
		strings.Repeat("x", 900):             "7bit",
		strings.Repeat("x", 1000):            "quoted-printable",
		"From here\r\n":                      "quoted-printable",
		"--=_x\r\n":                          "quoted-printable",
		"a\x00b":                             "quoted-printable",
		"ein Ä im Text":                      "quoted-printable",
		"你好你好 hello":                         "base64",
		strings.Repeat("Ein längeres Ä ", 9): "quoted-printable",
	} {
		if got := textEncoding([]byte(text)); got != want {
			t.Errorf("%.40q: got %s, want %s", text, got, want)
		}
	}
}

// FuzzQuotedPrintable: the standard library reads back what was written; lines
// are short, pure ASCII, and hold no boundary.
func FuzzQuotedPrintable(f *testing.F) {
	f.Add("From a \r\n=_\tb\t\r\n" + strings.Repeat("ä ", 100) + "\r\n\r\nx")
	f.Add(strings.Repeat("x", 200) + " ")
	f.Add(strings.Repeat("x", 75) + "y\r\n" + strings.Repeat("x", 74) + "=")
	f.Fuzz(func(t *testing.T, s string) {
		text := CRLF([]byte(s))
		var out bytes.Buffer
		writeQuotedPrintable(&out, text)
		for line := range strings.SplitSeq(out.String(), "\r\n") {
			if len(line) > 76 || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r > '~' }) ||
				strings.HasSuffix(line, " ") || strings.HasSuffix(line, "\t") || strings.HasPrefix(line, "From ") || strings.Contains(line, "=_") {
				t.Fatalf("bad line %q", line)
			}
		}
		back, err := io.ReadAll(quotedprintable.NewReader(&out))
		if err != nil || !bytes.Equal(back, text) {
			t.Fatalf("%q came back as %q, %v", text, back, err)
		}
	})
}

// FuzzCRLF: no lone CR or LF, no text lost, nothing changed twice.
func FuzzCRLF(f *testing.F) {
	for _, s := range []string{"", "a\r\nb", "\r", "\n", "\r\r\n", "\n\r", "a\rb\nc\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		out := string(CRLF(b))
		bare := strings.ReplaceAll(out, "\r\n", "")
		if strings.ContainsAny(bare, "\r\n") {
			t.Fatalf("%q has a lone CR or LF", out)
		}
		if want := strings.NewReplacer("\r", "", "\n", "").Replace(string(b)); bare != want {
			t.Fatalf("text %q became %q", want, bare)
		}
		if again := string(CRLF([]byte(out))); again != out {
			t.Fatalf("not stable: %q, %q", out, again)
		}
	})
}
