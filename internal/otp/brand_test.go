package otp

import (
	"strings"
	"testing"
)

// The shop's name, colour and logo stand in each mail; what stands on the colour can be read.
func TestBrandedMails(t *testing.T) {
	t.Parallel()
	m := newTestMailer(t, MailerOptions{
		Site: "Toko Kopi", Color: "#f0c890", Logo: "https://shop.example/logo.png?a=1&b=2", Link: "https://shop.example/code/",
	})
	for _, key := range templateKeys() {
		msg, err := m.execute(key, m.content("123456", "https://shop.example/"))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{
			"background-color:#f0c890;", "color:#000000;", `<img src="https://shop.example/logo.png?a=1&amp;b=2" alt="Toko Kopi"`,
		} {
			if !strings.Contains(msg.HTML, want) {
				t.Errorf("%v: no %q in %s", key, want, msg.HTML)
			}
		}
		if strings.Contains(msg.Text, "logo.png") || strings.Contains(msg.HTML, ".button {") {
			t.Errorf("%v: %s", key, msg.Text)
		}
	}
	for color, want := range map[string]string{"#2f6b54": "#ffffff", "#ffffff": "#000000", "#000000": "#ffffff", "": "#ffffff", "#nothex": "#ffffff"} {
		if got := textOn(color); got != want {
			t.Errorf("on %q: %s", color, got)
		}
	}
}
