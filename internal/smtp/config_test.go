package smtp

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseURL(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]Config{
		"smtp://mail.example":                   {Host: "mail.example", Port: "587", TLS: StartTLS},
		"smtp://mail.example:465":               {Host: "mail.example", Port: "465", TLS: Implicit},
		"smtps://mail.example":                  {Host: "mail.example", Port: "465", TLS: Implicit},
		"smtp://mail.example?tls=implicit":      {Host: "mail.example", Port: "465", TLS: Implicit},
		"smtp://127.0.0.1:1025?tls=none":        {Host: "127.0.0.1", Port: "1025", TLS: None},
		"smtp://u:p@[::1]/?tls=none":            {Host: "::1", Port: "25", TLS: None, Username: "u", Password: "p"},
		"smtp://a%40b.co:p%23%2F%25@h.example":  {Host: "h.example", Port: "587", TLS: StartTLS, Username: "a@b.co", Password: "p#/%"},
		"smtp://h?helo=shop.example&tls=none":   {Host: "h", Port: "25", TLS: None, Hello: "shop.example"},
		" smtp://h:2525?pipelining=off ":        {Host: "h", Port: "2525", TLS: StartTLS, NoPipelining: true},
		"smtp://h:2525?pipelining=on&tls=none&": {Host: "h", Port: "2525", TLS: None},
	} {
		got, err := ParseURL(raw)
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		if got.Address() != want.Address() || got.TLS != want.TLS || got.Username != want.Username ||
			got.Password != want.Password || got.Hello != want.Hello || got.NoPipelining != want.NoPipelining {
			t.Errorf("%s: got %v", raw, got.LogValue())
		}
	}
}

func TestParseURLRefuses(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for raw, want := range map[string]string{
		"":                                                "scheme must be smtp",
		"mail.example:587":                                "smtp://",
		"http://mail.example":                             "scheme must be smtp",
		"smtp://":                                         "host is missing",
		"smtp://u:hunter2@":                               "host is missing",
		"smtp://u:hunter2#x@h":                            "",
		"smtp://u:hunter2%zz@h":                           "percent-encoded",
		"smtp://u:hunter2/x@h":                            "",
		"smtp://u:hunter2\x7f@h":                          "percent-encoded",
		"smtp://u:hunter2@h:99999":                        "port must be",
		"smtp://u:hunter2@h:abc":                          "percent-encoded",
		"smtp://u:hunter2@h?tls=maybe":                    "tls=\"maybe\" is unknown: use starttls",
		"smtp://u:hunter2@h?tls=none":                     "not sent in clear",
		"smtp://u:hunter2@h?tls=none&tls=none":            "more than once",
		"smtp://u:hunter2@h?password=hunter2":             "\"password\" is unknown",
		"smtp://u:hunter2@h?a=%zz":                        "cannot be read",
		"smtp://u@h":                                      "user without a password",
		"smtp://:hunter2@h":                               "password without a user",
		"smtp://u:hunter2@h/path":                         "path means nothing",
		"smtp://u:hunter2%0d@h":                           "line breaks",
		"smtp://u:hunter2@h?helo=a%20b":                   "helo must be",
		"smtp://u:hunter2@h?pipelining=maybe":             "use on or off",
		"smtp://u:hunter2@h?ca_file=/no/such":             "ca_file cannot be read",
		"smtp://u:hunter2@h?ca_file=" + empty:             "no PEM certificate",
		"smtp://u:hunter2@127.0.0.2.nip.example?tls=none": "not sent in clear",
	} {
		_, err := ParseURL(raw)
		if err == nil {
			t.Errorf("%q was accepted", raw)
			continue
		}
		if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: got %q, want it to say %q on one line", raw, err, want)
		}
		noSecret(t, err.Error(), "hunter2")
	}
}

func TestLogValueHidesPassword(t *testing.T) {
	t.Parallel()
	noSecret(t, mustParse(t, "smtp://u:hunter2@h").LogValue().String(), "hunter2")
}

func TestParseURLs(t *testing.T) {
	t.Parallel()
	got, err := ParseURLs("smtp://u:p%2Cq@a.example?connections=8&messages=50&chunking=off, smtps://b.example")
	if err != nil || len(got) != 2 || got[0].Password != "p,q" || got[0].Connections != 8 || got[0].MessagesPerConn != 50 || !got[0].NoChunking ||
		got[1].Address() != "b.example:465" || got[1].TLS != Implicit {
		t.Fatalf("%v %v", got, err)
	}
	for raw, want := range map[string]string{
		"smtp://u:hunter2,x@h":  "written %2C",
		"smtp://h,":             "number 2",
		"smtp://h,smtp://h:587": "stands there twice",
		"smtp://a,smtp://b,smtp://c,smtp://d,smtp://e": "4 are the most",
		"smtp://h?connections=0":                       "1 to 64",
		"smtp://h?messages=x":                          "1 to 1000000",
		"smtp://h?chunking=maybe":                      "use on or off",
	} {
		_, err := ParseURLs(raw)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want %q", raw, err, want)
		}
	}
}
