package postgres_test

import (
	"encoding/base64"
	"math/rand/v2"
	"strings"
)

// generated is a mail as some program might enqueue it: mostly usual values, with one or
// more that stand at an edge.
type generated struct {
	Recipients  []string            `json:"recipients,omitempty"`
	CC          []string            `json:"cc,omitempty"`
	Sender      string              `json:"sender,omitempty"`
	ReplyTo     string              `json:"reply_to,omitempty"`
	Subject     string              `json:"subject,omitempty"`
	Text        string              `json:"body_text,omitempty"`
	HTML        string              `json:"body_html,omitempty"`
	Headers     map[string]string   `json:"headers,omitempty"`
	Attachments []map[string]string `json:"attachments,omitempty"`
	Raw         []byte              `json:"raw,omitempty"`
}

var (
	locals = []string{
		"a", "Anna.B", "o'neil+x", "a..b.", ".a", "jürgen", strings.Repeat("l", 70), strings.Repeat("é", 60), `"a b"`, `"a\"b@c"`, `"<"`, `""`, "...", "用户",
		"a\u200bb", "", "a b", "a,b", "=?utf-8?q?a?=", "{x}|~", "a[b", strings.Repeat("x", 240), `"a\`, "a\ufffd",
	}
	domains = []string{
		"b.co", "Shop.Example", "b_c.co", "_dmarc.b.co", "localhost", "xn--bcher-kva.example", "bücher.example", "例子.广告", "b-.co", "-b.co", "b..co", "b.co.", "[127.0.0.1]",
		"[IPv6:2001:db8::1]", "[::1]", "[999.1.1.1]", "[not-ip]", "[127.0.0.1", strings.Repeat("d", 63) + ".co", strings.Repeat("d", 64) + ".co", "", "a b.co", "b--c.co",
		strings.Repeat("d.", 120) + "co",
	}
	names = []string{
		"", "Anna", "Anna  B.", "Smith, A", `"Smith, A"`, `"A \"B\" C"`, `A "B`, `"`, `""`, "Käse & Brot", `"Käse, & Brot"`, "=?iso-2022-jp?B?GyRCJUYbKEI=?=", "=?x-unknown?q?a?=",
		"=?utf-8?q?J=C3=B6rg?= B", "ü =?koi8-r?B?8A==?=", "=?bad", "a <b>", `A\`, "名前", strings.Repeat("n", 255), strings.Repeat("ü", 255), strings.Repeat("n", 256), "Toko (Bali)",
		"\u0085x", "\ufffd", "A\tB", "..", "@home", ";;", "group:", "[x]", "=?utf-8?b?Pg==?=", "a\x01",
	}
	words = []string{
		"x", "Käse", "<a@b.co>", "käse@shop.example", "<ü@bücher.example>", "(Küche (x))", `"Käse, x"`, ",", ";", ":", "=?utf-8?q?a?=", "=?x?", "\t", "   ", "{\"to\":  [\"a\"]}", "<", ")", `"`,
		"\\", "https://shöp.example/x?a=1", strings.Repeat("w", 899), "\ufffd", strings.Repeat("w", 901), strings.Repeat("é", 500), strings.Repeat(" ", 50), strings.Repeat(" ", 600),
		"\ufffd", "\u2028", "\x00", "\r\n", "\x7f",
	}
	headerNames = []string{
		"X-A", "X-SMTPAPI", "Sender", "List-Id", "Keywords", "List-Help", "Message-ID", "References", "List-Unsubscribe", "List-Unsubscribe-Post", "Disposition-Notification-To",
		"Resent-Bcc", "In-Reply-To", "Comments", "x:y", "To", "X A", strings.Repeat("N", 76), strings.Repeat("N", 77), "Content-Type", "ü",
	}
	headerValues = []string{
		"<a@b.co>", "<https://shop.example/u>", "<https://shop.example/u>, <mailto:u@b.co>", "List-Unsubscribe=One-Click", "foo", "", " ", "<a@b>, <c@d>", "Käse & Brot <shop@example.com>",
		"<" + strings.Repeat("i", 497) + "@b>", "<" + strings.Repeat("i", 600) + "@b>", strings.Repeat("word ", 600), strings.Repeat("ü,", 500), strings.Repeat("wörd ", 600),
		"x" + strings.Repeat(" ", 980) + "y", strings.Repeat("w", 850) + strings.Repeat(" ", 200) + strings.Repeat("v", 850), strings.Repeat("w", 600) + "\t" + strings.Repeat("v", 600),
		"Käse <" + strings.Repeat("a", 950) + "@b.co>",
	}
	types = []string{
		"", "text/plain", "text/csv ; charset=utf-8", "text/calendar; method=REQUEST", "text/plain; charset=iso-8859-1", "TEXT/HTML", "application/pdf", "text/x;a=b;A=c", "text/x; a=\"b;c\"",
		"text/x; a=\"b\\\"c\"", "text", "a/b*c", "a b/c", "message/rfc822", "Message/RFC822", "multipart/mixed", "multipart/signed; boundary=s", "x/y; name=\"" + strings.Repeat("n", 850) + "\"",
		"x/y; name=\"" + strings.Repeat("n", 950) + "\"", "x/y; n*=utf-8''%C3%BC", "text/plain; charset", "text/plain;", "x/y; a=ü",
	}
	contents = []string{
		"", "text\n", "grüße\r\n", "\xff\xfe", "From me\n.\n", "Subject: x\r\n\r\ngrüße\r\n", "--s\r\n\r\nx\r\n--s--\r\n", "a\rb", strings.Repeat("x", 2000), "\x00", "=_=_",
	}
	contentIDs = []string{"", "<logo>", "logo@b.co", "a b", "<>", strings.Repeat("c", 200), strings.Repeat("c", 201), "ü"}
	filenames  = []string{"", "a.pdf", "Faktur №1.pdf", "a\"b\\c.pdf", "a\r\nb", strings.Repeat("f", 255), strings.Repeat("é", 255), strings.Repeat("f", 256), ".", "a;b=c.pdf", "\u0085.x"}
	rawPieces  = []string{
		"Subject: x\r\n", "X-A: b\n c\n", "To: jürgen@b.co\r\n", "Bcc: x@b.co\r\n", " folded\r\n", "no field\r\n", "X A: b\r\n", "From: a@b.co\n", "Date: x\r", "X: a\x01b\n", "\r\n", "\n\n",
		"body\r\n", ".\r\n", strings.Repeat("x", 998) + "\r\n", strings.Repeat("x", 999) + "\n", "X-Long: " + strings.Repeat("y", 991) + "\n", "\x00", "ü\xff",
	}
)

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// mostly picks one of the first of a list, else hardly a mail would be taken.
func mostly[T any](r *rand.Rand, first int, list []T) T {
	if r.IntN(8) > 0 {
		list = list[:first]
	}
	return pick(r, list)
}

// seldom gives "" three times of four.
func seldom(r *rand.Rand, some func(*rand.Rand) string) string {
	if r.IntN(4) > 0 {
		return ""
	}
	return some(r)
}

func someMailbox(r *rand.Rand) string {
	bare := mostly(r, 10, locals) + "@" + mostly(r, 8, domains)
	if r.IntN(3) == 0 {
		return bare
	}
	return mostly(r, 16, names) + pick(r, []string{" ", "", "  "}) + "<" + bare + ">" + mostly(r, 2, []string{"", " ", "x"})
}

// someText is a line of words.
func someText(r *rand.Rand) string {
	var out strings.Builder
	for range r.IntN(5) {
		out.WriteString(mostly(r, 21, words))
		out.WriteString(pick(r, []string{"", " ", "  "}))
	}
	return out.String()
}

func someValue(r *rand.Rand) string {
	if r.IntN(2) == 0 {
		return mostly(r, 9, headerValues)
	}
	return someText(r)
}

func generate(r *rand.Rand) generated {
	if r.IntN(10) == 0 {
		g := generated{Recipients: []string{someMailbox(r)}, Raw: []byte("X-First: 1\r\n")}
		for range r.IntN(6) {
			g.Raw = append(g.Raw, mostly(r, 4, rawPieces)...)
		}
		return g
	}
	g := generated{
		Recipients: []string{someMailbox(r)}, Sender: seldom(r, someMailbox), ReplyTo: seldom(r, someMailbox), Subject: someText(r), Text: pick(r, contents[:5]),
		HTML: seldom(r, func(r *rand.Rand) string { return "<p>" + someText(r) }),
	}
	if r.IntN(4) == 0 {
		g.CC = append(g.CC, someMailbox(r))
	}
	for range r.IntN(3) {
		if g.Headers == nil {
			g.Headers = map[string]string{}
		}
		g.Headers[mostly(r, 5, headerNames)] = someValue(r)
	}
	for range r.IntN(3) * r.IntN(2) {
		a := map[string]string{"content": base64.StdEncoding.EncodeToString([]byte(pick(r, contents)))}
		for member, value := range map[string]string{"content_type": mostly(r, 10, types), "filename": mostly(r, 4, filenames), "content_id": seldom(r, func(r *rand.Rand) string { return mostly(r, 3, contentIDs) })} {
			if value != "" {
				a[member] = value
			}
		}
		g.Attachments = append(g.Attachments, a)
	}
	return g
}
