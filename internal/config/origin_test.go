package config

import "testing"

// An origin is taken by its meaning, and kept as browsers send it.
func TestOriginsAsBrowsersSendThem(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]string{
		"https://shop.example":           "https://shop.example",
		"HTTPS://Shop.Example":           "https://shop.example",
		"https://shop.example:443":       "https://shop.example",
		"https://shop.example:0443":      "https://shop.example",
		"http://shop.example:80":         "http://shop.example",
		"http://shop.example:443":        "http://shop.example:443",
		"https://shop.example:8443":      "https://shop.example:8443",
		" https://shop.example ":         "https://shop.example",
		"https://käse.example":           "https://xn--kse-qla.example",
		"https://xn--kse-qla.example":    "https://xn--kse-qla.example",
		"http://localhost:8000":          "http://localhost:8000",
		"http://my_shop.example":         "http://my_shop.example",
		"http://127.0.0.1:8000":          "http://127.0.0.1:8000",
		"https://[2001:DB8:0:0:0:0:0:1]": "https://[2001:db8::1]",
		"https://[::1]:443":              "https://[::1]",
		"https://[::1]:8443":             "https://[::1]:8443",
	} {
		if got, ok := asBrowsersSend(written); !ok || got != want {
			t.Errorf("%q gives %q, %t; want %q", written, got, ok, want)
		}
	}
	for _, written := range []string{
		"", "*", "null", "shop.example", "//shop.example", "ftp://shop.example", "https://", "https://*.example", "https://shop.example/",
		"https://shop.example/path", "https://shop.example?x", "https://shop.example?", "https://shop.example#", "https://u@shop.example",
		"https://shop.example:", "https://shop.example:0", "https://shop.example:65536", "https://shop.example:x", "https://shop..example",
		"https://sh op.example", "https://127.1", "https://1.2.3.4.5", "https://[::1", "https://[::1%25lo]", "https://::1", "https://[127.0.0.1]", "https://[::ffff:1.2.3.4]", "https://shop.example.", "https://shop%2eexample", `https://shop.example\x`,
	} {
		if got, ok := asBrowsersSend(written); ok {
			t.Errorf("%q is taken as %q", written, got)
		}
	}
	serve := Settings{AllowedOrigins: []string{"HTTPS://Shop.Example:443"}}
	if err := serve.resolveOrigins(); err != nil || serve.AllowedOrigins[0] != "https://shop.example" {
		t.Errorf("%v, %v", serve.AllowedOrigins, err)
	}
}
