package otp

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// Mail scanners that follow links consume the code: not here. What they fetch, each
// address in the mail without its fragment, neither holds the code nor, being a GET,
// can confirm it; and the mail makes nobody fetch anything when it is opened.
func TestLinksGiveScannersNothing(t *testing.T) {
	t.Parallel()
	const code = "918273"
	m := newTestMailer(t, MailerOptions{Site: "Shop", Link: "https://shop.example/verify/{challenge_id}/?from=mail"})
	address := regexp.MustCompile(`https?://[^\s"'<>]+`)
	for _, purpose := range []Purpose{"registration", "login"} {
		for _, locale := range []string{"en", "id"} {
			msg, err := m.Render(purpose, locale, "c-1", code)
			if err != nil {
				t.Fatal(err)
			}
			links := address.FindAllString(msg.Text+" "+msg.HTML, -1)
			if len(links) < 2 {
				t.Errorf("%s %s: %d links: this test does not see what it should", purpose, locale, len(links))
			}
			for _, link := range links {
				u, err := url.Parse(link)
				if err != nil {
					t.Fatalf("%s: %v", link, err)
				}
				if u.Fragment, u.RawFragment = "", ""; strings.Contains(u.String(), code) {
					t.Errorf("%s %s: a scanner gets the code: %s", purpose, locale, u)
				}
			}
			if regexp.MustCompile(`(?i)<(img|link|script|iframe)\b|url\(`).MatchString(msg.HTML) {
				t.Errorf("%s %s: the mail loads something", purpose, locale)
			}
		}
	}
}
