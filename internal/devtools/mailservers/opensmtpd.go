package main

import (
	"errors"
	"os"
	"regexp"
	"strings"
)

// smtpdMain is short because the defaults are what is tested.
const smtpdMain = `{pki}
table gone { "^gone-" }
table later { "^later-" }
table everybody { "@" = "sink" }
table people { shop = "{password}" }
filter "gone" phase rcpt-to match rcpt-to regex <gone> reject "550 5.1.1 No such user"
filter "later" phase rcpt-to match rcpt-to regex <later> reject "450 4.2.1 Mailbox busy"
filter "refuse" chain { {chain} }
smtp max-message-size "8M"
{more}
listen on 127.0.0.1 port {port} {tls} {auth} hostname "opensmtpd.example" filter "refuse"
action "sink" maildir "/sink/box" virtual <everybody>
match from any for any action "sink"
`

// smtpdPassword is "s3cret" as crypt(3) with SHA-512 keeps it.
const smtpdPassword = "$6$relaysrelays$q3Nkwl4eniIR3uCZSnvRDwX0PRh0ysR/XBMBNrraRiy1uuGbd49mv1pTwTi.p5r5mlOWDjPub8tYNtaZMEawm/" //nolint:gosec // of a server that lives for a minute

func opensmtpd() *software {
	return &software{
		pkg: "opensmtpd", prepare: prepareSmtpd,
		command: []string{"/usr/sbin/smtpd", "-d"}, flush: []string{"/usr/sbin/smtpctl", "schedule", "all"},
		queueID: regexp.MustCompile(`([0-9a-f]{8}) Message accepted`),
		greeted: regexp.MustCompile(`smtp connected`), queueDir: "var/spool/smtpd/queue/*/", utf8: false, large: "data",
	}
}

func prepareSmtpd(r *root, s settings) error {
	chain, pki, tls, auth := `"gone", "later"`, "", "", ""
	if s.restarted {
		chain = `"gone"`
	}
	if s.tls {
		pki = "pki opensmtpd.example cert \"/etc/relay.crt\"\npki opensmtpd.example key \"/etc/relay.key\""
		tls = "tls-require pki opensmtpd.example"
	}
	if s.auth {
		auth = "auth <people>"
	}
	text := strings.NewReplacer("{port}", portOf(s.addr), "{chain}", chain, "{pki}", pki, "{tls}", tls, "{auth}", auth,
		"{more}", s.extra, "{password}", smtpdPassword).Replace(smtpdMain)
	err := errors.Join(r.mkdir("var/spool/smtpd", 0, 0o711), r.mkdir("var/lib/opensmtpd/empty", 0, 0o755), r.mkdir("var/empty", 0, 0o755))
	const control = "usr/sbin/smtpctl" // as the package's installation has it
	return errors.Join(err, r.Chown(control, 0, queueID), r.Chmod(control, 0o755|os.ModeSetgid), r.write("etc/smtpd.conf", 0o644, text))
}
