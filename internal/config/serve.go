package config

import (
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"sespan/internal/mailevent"
)

// Serve is the settings of `sespan serve`.
type Serve struct {
	Settings
	Parts []string `name:"run" enum:"api,mail,announce,maintenance" default:"api,mail,maintenance" group:"Process" env:"SESPAN_RUN" help:"What this process does: api, mail, announce, maintenance; by default announce too where there is a broker."`

	partsByDefault bool
}

// AfterApply notes whether somebody chose the parts.
func (s *Serve) AfterApply(parsed *kong.Context) error {
	for _, f := range flagsOf(parsed) {
		if f.Name == "run" {
			s.partsByDefault = origin(parsed, f, envFileOf(parsed)) == "default"
		}
	}
	return nil
}

// Runs tells whether this process has the given part.
func (s *Serve) Runs(part string) bool { return slices.Contains(s.Parts, part) }

// Resolve checks the settings and what the chosen parts need of them; once, because it
// reads the files of the secrets.
func (s *Serve) Resolve() error {
	if err := s.ResolveValues(); err != nil {
		return err
	}
	return s.Complete()
}

// ResolveValues checks the settings that are there.
func (s *Serve) ResolveValues() error {
	if !s.Runs("api") {
		s.JWKS = "" // nobody brings a token
	}
	if err := s.Settings.Resolve(); err != nil {
		return err
	}
	if s.partsByDefault && s.Broker.Kind != "" && !s.Runs("announce") {
		s.Parts = append(slices.Clone(s.Parts), "announce")
	}
	return nil
}

// Complete checks that nothing is missing that the chosen parts need.
func (s *Serve) Complete() error {
	if len(s.Parts) == 0 {
		return invalid("SESPAN_RUN", "is empty", "leave it out, or choose of api, mail, announce and maintenance")
	}
	if s.Runs("announce") && s.Broker.Kind == "" {
		return invalid("SESPAN_RUN", "names announce, and SESPAN_BROKER_URL is not set", "set it, or leave announce out: without a broker mails need no announcer")
	}
	if !s.Runs("mail") {
		return nil
	}
	if s.SMTPURL == "" {
		return invalid("SESPAN_SMTP_URL", "is not set", "write smtp://user:password@host:587?tls=starttls, or leave mail out of SESPAN_RUN")
	}
	if s.MailFrom == "" {
		return invalid("SESPAN_MAIL_FROM", "is not set", hintMailFrom)
	}
	return nil
}

// Settings are what the service and its doctor need to know.
type Settings struct {
	Database
	Connections int32 `name:"database-connections" default:"10" group:"Database" env:"SESPAN_DATABASE_CONNECTIONS" help:"Largest number of database connections for requests; log, draws, reports and mail have a few of their own, the watch over the database one (pool health)."`

	HTTPAddr       string        `name:"http-addr" default:"127.0.0.1:8080" group:"Ports and callers" env:"SESPAN_HTTP_ADDR" help:"Public port."`
	AdminAddr      string        `name:"admin-addr" default:"127.0.0.1:9090" group:"Ports and callers" env:"SESPAN_ADMIN_ADDR" help:"Port of /metrics, /livez and /readyz; keep it private."`
	AllowedOrigins []string      `name:"allowed-origins" group:"Ports and callers" env:"SESPAN_ALLOWED_ORIGINS" placeholder:"ORIGIN,…" help:"Origins of the site's pages that may call by Ajax, such as https://shop.example."`
	TrustedProxies []string      `name:"trusted-proxies" group:"Ports and callers" env:"SESPAN_TRUSTED_PROXIES" placeholder:"CIDR,…" help:"Proxies whose X-Forwarded-For is believed."`
	RequestTimeout time.Duration `name:"request-timeout" default:"10s" group:"Ports and callers" env:"SESPAN_REQUEST_TIMEOUT" help:"Longest time for one request."`
	DrainTime      time.Duration `name:"drain-time" default:"1s" group:"Ports and callers" env:"SESPAN_DRAIN_TIME" help:"How long a process that is to end says so at /readyz and still answers, so that a proxy can turn to another one."`

	SecretKeys
	JWKS string `name:"jwks" group:"Keys" env:"SESPAN_JWKS" placeholder:"FILE|URL" help:"Public keys of the site's tokens: a file, or an https URL. Without it browsers cannot call."`

	SMTPURL         string   `name:"smtp-url" group:"Mail" env:"SESPAN_SMTP_URL" needed:"mail" secret:"" placeholder:"URL,…" help:"smtp://user:password@host:587?tls=starttls (or tls=implicit, tls=none); further ones after commas are fail-overs."`
	SMTPURLFile     string   `name:"smtp-url-file" group:"Mail" env:"SESPAN_SMTP_URL_FILE" placeholder:"FILE" help:"File that holds them."`
	SMTPConnections int      `name:"smtp-connections" default:"4" group:"Mail" env:"SESPAN_SMTP_CONNECTIONS" help:"Connections to each mail server, 1 to 64."`
	SMTPCAFile      string   `name:"smtp-ca-file" group:"Mail" env:"SESPAN_SMTP_CA_FILE" placeholder:"FILE" help:"PEM certificates that the mail servers' are checked against, instead of the system's."`
	SMTPRate        string   `name:"smtp-rate" group:"Mail" env:"SESPAN_SMTP_RATE" placeholder:"N" help:"Mails a second that all processes together send at most, each its share; unlimited by default."`
	SMTPDomainRate  []string `name:"smtp-domain-rate" group:"Mail" env:"SESPAN_SMTP_DOMAIN_RATE" placeholder:"DOMAIN=N,…" help:"The same for single domains of recipients, such as gmail.com=5,default=20."`
	MailFrom        string   `name:"mail-from" group:"Mail" env:"SESPAN_MAIL_FROM" needed:"mail" placeholder:"ADDRESS" help:"Sender of mails that name none, such as Shop <no-reply@shop.example>."`
	DKIMKeyFile     []string `name:"dkim-key-file" group:"Mail" env:"SESPAN_DKIM_KEY_FILE" placeholder:"FILE,…" help:"PEM key (RSA or Ed25519) that signs every mail; or two, of which each signs."`
	DKIMSelector    []string `name:"dkim-selector" group:"Mail" env:"SESPAN_DKIM_SELECTOR" placeholder:"NAME,…" help:"Its selector: the public key stands at NAME._domainkey of the domain; as many as keys."`
	DKIMDomain      string   `name:"dkim-domain" group:"Mail" env:"SESPAN_DKIM_DOMAIN" placeholder:"DOMAIN" help:"Domain of the signatures; that of SESPAN_MAIL_FROM by default."`

	MailEventKeys     string   `name:"mail-event-keys" group:"Delivery events" env:"SESPAN_MAIL_EVENT_KEYS" secret:"" placeholder:"ID:BASE64,…" help:"Keys that sign delivery events (POST /v1/mail/events), 16 bytes or more each."`
	MailEventKeysFile string   `name:"mail-event-keys-file" group:"Delivery events" env:"SESPAN_MAIL_EVENT_KEYS_FILE" placeholder:"FILE" help:"File that holds them."`
	SNSTopics         []string `name:"sns-topics" group:"Delivery events" env:"SESPAN_SNS_TOPICS" placeholder:"ARN,…" help:"Topics of Amazon SNS whose notifications of Amazon SES are believed."`
	MailBounceDays    int      `name:"mail-bounce-days" default:"90" group:"Delivery events" env:"SESPAN_MAIL_BOUNCE_DAYS" help:"Days that an address which bounced for good is not written to."`

	BrokerSettings

	OTPDigits    int           `name:"otp-digits" default:"6" enum:"6,8" group:"Codes" env:"SESPAN_OTP_DIGITS" help:"6 or 8."`
	OTPLifetime  time.Duration `name:"otp-lifetime" default:"10m" group:"Codes" env:"SESPAN_OTP_LIFETIME" help:"Life of a code, 1m to 1h."`
	OTPLink      string        `name:"otp-link" group:"Codes" env:"SESPAN_OTP_LINK" placeholder:"URL" help:"Page of the site that takes a code; the mail links to it with the code in the fragment. {challenge_id} is replaced."`
	OTPTemplates string        `name:"otp-templates" group:"Codes" env:"SESPAN_OTP_TEMPLATES" placeholder:"FOLDER" help:"Folder whose files replace the built-in mail templates of the same name."`
	SiteName     string        `name:"site-name" group:"Codes" env:"SESPAN_SITE_NAME" help:"The shop's name in mails; the sender's display name by default."`
	SiteColor    string        `name:"site-color" group:"Codes" env:"SESPAN_SITE_COLOR" placeholder:"#RRGGBB" help:"The shop's colour, of the buttons in mails."`
	SiteLogo     string        `name:"site-logo" group:"Codes" env:"SESPAN_SITE_LOGO" placeholder:"URL" help:"The shop's picture on top of mails, 40 pixels high; the reader's program fetches it from this address."`

	MinorUnit int    `name:"minor-unit" default:"2" group:"Money and days" env:"SESPAN_MINOR_UNIT" help:"Decimal places of the currency, 0 to 4."`
	TimeZone  string `name:"time-zone" default:"UTC" group:"Money and days" env:"SESPAN_TIME_ZONE" help:"Zone of the days and months of reports."`

	AuditDays      int   `name:"audit-days" default:"365" group:"Retention" env:"SESPAN_AUDIT_DAYS" help:"Days that the audit is kept."`
	APILogDays     int   `name:"api-log-days" default:"30" group:"Retention" env:"SESPAN_API_LOG_DAYS" help:"Days that the API log is kept."`
	APILogMaxBytes int64 `name:"api-log-max-bytes" default:"10737418240" group:"Retention" env:"SESPAN_API_LOG_MAX_BYTES" placeholder:"BYTES" help:"What the API log may take on disk; bodies of the oldest days go first, then days."`

	Proxies  []netip.Prefix `kong:"-"`
	Location *time.Location `kong:"-"`
	Rates    Rates          `kong:"-"`
	Events   mailevent.Keys `kong:"-"`
}

// Resolve reads the files of the secrets and checks every setting that can be
// checked without the network.
func (s *Settings) Resolve() error {
	checks := []func() error{
		s.Database.Resolve, s.ResolveKeys, s.resolveProxies,
		s.resolveOrigins, s.resolveSMTP, s.resolveRates, s.resolveDKIM, s.resolveLimits, s.resolveAddresses, s.resolveBrand, s.resolveJWKS, s.resolveEvents, s.resolveBroker,
	}
	for _, check := range checks {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (s *Settings) resolveProxies() error {
	for _, entry := range s.TrustedProxies {
		prefix, err := netip.ParsePrefix(entry)
		if err != nil {
			addr, aerr := netip.ParseAddr(entry)
			if aerr != nil {
				return invalid("SESPAN_TRUSTED_PROXIES", "holds "+quote(entry), "write addresses or networks such as 10.0.0.0/8, separated by commas")
			}
			prefix = netip.PrefixFrom(addr, addr.BitLen())
		}
		s.Proxies = append(s.Proxies, prefix.Masked())
	}
	return nil
}

func (s *Settings) resolveOrigins() error {
	for i, written := range s.AllowedOrigins {
		origin, ok := asBrowsersSend(written)
		if !ok {
			return invalid("SESPAN_ALLOWED_ORIGINS", "holds "+quote(written), "write whole origins such as https://shop.example, without path or wildcard, separated by commas")
		}
		s.AllowedOrigins[i] = origin
	}
	return nil
}

const hintMailFrom = "write it as Shop <no-reply@shop.example>"

func (s *Settings) resolveSMTP() error {
	if s.MailFrom != "" {
		from, err := mail.ParseAddress(s.MailFrom)
		if err != nil {
			return invalid("SESPAN_MAIL_FROM", "is not an address", hintMailFrom)
		}
		if s.SiteName == "" {
			s.SiteName = from.Name
		}
	}
	return optionalSecret(&s.SMTPURL, s.SMTPURLFile, "SESPAN_SMTP_URL")
}

func (s *Settings) resolveLimits() error {
	location, err := time.LoadLocation(s.TimeZone)
	if err != nil || s.TimeZone == "Local" {
		// Local is whatever the machine has: reports of two processes would differ.
		return invalid("SESPAN_TIME_ZONE", "is "+quote(s.TimeZone)+", which is no known zone", "write a name such as Asia/Jakarta")
	}
	s.Location = location
	bounds := []struct {
		variable string
		value    int64
		min, max int64
		hint     string
	}{
		{"SESPAN_SMTP_CONNECTIONS", int64(s.SMTPConnections), 1, 64, "choose 1 to 64"},
		{"SESPAN_DATABASE_CONNECTIONS", int64(s.Connections), 1, 1000, "choose 1 to 1000"},
		{"SESPAN_MAIL_BOUNCE_DAYS", int64(s.MailBounceDays), 1, 3650, "choose 1 to 3650"},
		{"SESPAN_AUDIT_DAYS", int64(s.AuditDays), 1, 36500, "choose 1 to 36500"},
		{"SESPAN_API_LOG_DAYS", int64(s.APILogDays), 1, 36500, "choose 1 to 36500"},
		{"SESPAN_API_LOG_MAX_BYTES", s.APILogMaxBytes, 16 << 20, 1 << 60, "write a number of bytes, 16777216 (16 MiB) or more; 10737418240 are 10 GiB"},
		{"SESPAN_MINOR_UNIT", int64(s.MinorUnit), 0, 4, "choose 0 to 4"},
		{"SESPAN_OTP_LIFETIME", int64(s.OTPLifetime), int64(time.Minute), int64(time.Hour), "choose 1m to 1h"},
		{"SESPAN_REQUEST_TIMEOUT", int64(s.RequestTimeout), int64(time.Second), int64(time.Minute), "choose 1s to 1m"},
		{"SESPAN_DRAIN_TIME", int64(s.DrainTime), 0, int64(time.Minute), "choose 0s to 1m"},
	}
	for _, b := range bounds {
		if b.value < b.min || b.value > b.max {
			return invalid(b.variable, "is out of its bounds", b.hint)
		}
	}
	return nil
}

func (s *Settings) resolveAddresses() error {
	for _, a := range []struct{ variable, value string }{
		{"SESPAN_HTTP_ADDR", s.HTTPAddr}, {"SESPAN_ADMIN_ADDR", s.AdminAddr},
	} {
		if _, _, err := net.SplitHostPort(a.value); err != nil {
			return invalid(a.variable, "is "+quote(a.value), "write host:port, such as 127.0.0.1:8080")
		}
	}
	if s.OTPLink == "" {
		return nil
	}
	u, err := url.Parse(strings.ReplaceAll(s.OTPLink, "{challenge_id}", "x"))
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.Fragment != "" {
		return invalid("SESPAN_OTP_LINK", "is "+quote(s.OTPLink), "write an http or https URL without a fragment, such as https://shop.example/account/code/{challenge_id}/")
	}
	return nil
}

func (s *Settings) resolveJWKS() error {
	u, err := url.Parse(s.JWKS)
	switch {
	case s.JWKS == "", err == nil && u.Scheme == "https" && u.Host != "":
		return nil
	case strings.Contains(s.JWKS, "://"):
		return invalid("SESPAN_JWKS", "is "+quote(s.JWKS), "name a file or an https URL")
	}
	if _, err := os.Stat(s.JWKS); err != nil {
		return invalid("SESPAN_JWKS", "names a file that cannot be read: "+err.Error(), "write it with: manage.py sespan_init")
	}
	return nil
}

func quote(s string) string {
	if len(s) > 60 {
		s = s[:60] + "…"
	}
	return `"` + strings.Map(printable, s) + `"`
}

func printable(r rune) rune {
	if r < ' ' || r == 0x7f {
		return '?'
	}
	return r
}
