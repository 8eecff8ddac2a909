package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// eximMain has places for what differs between the settings. Exim's own
// defaults stay: smtp_enforce_sync is one of them.
const eximMain = `exim_user = Debian-exim
exim_group = Debian-exim
primary_hostname = exim.example
spool_directory = /var/spool/exim4
log_file_path = /var/log/exim4/%slog
log_selector = +smtp_connection +smtp_protocol_error +smtp_syntax_error +pipelining +incoming_port
syslog_timestamp = no
daemon_smtp_ports = {port}
local_interfaces = 127.0.0.1
message_size_limit = 8M
queue_only = true
remote_max_parallel = 1
host_lookup =
rfc1413_hosts =
allow_utf8_domains = true
chunking_advertise_hosts = {chunking}
tls_advertise_hosts = {tls}
tls_certificate = /etc/relay.crt
tls_privatekey = /etc/relay.key
acl_smtp_rcpt = rcpt
acl_smtp_data = accept
acl_smtp_mail = mail
{more}

begin acl
mail:
  {auth}
  accept
rcpt:
  deny local_parts = ^gone-
       message = 550 5.1.1 No such user
  {later}
  accept

begin routers
sink:
  driver = accept
  transport = sink

begin transports
sink:
  driver = appendfile
  maildir_format
  directory = /sink/box
  create_directory
  user = sink
  group = sink
  envelope_to_add
  return_path_add

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_advertise_condition = {offer}
  server_prompts = :
  server_condition = ${if and{{eq{$auth2}{shop}}{eq{$auth3}{s3cret}}}}
  server_set_id = $auth2
`

func exim() *software {
	return &software{
		pkg: "exim4-daemon-light", prepare: prepareExim,
		command: []string{"/usr/sbin/exim4", "-bdf"}, flush: []string{"/usr/sbin/exim4", "-q"},
		queueID: regexp.MustCompile(`OK id=([0-9A-Za-z-]+)`),
		greeted: regexp.MustCompile(`SMTP connection from .* \(TCP/IP connection count`), logFile: "var/log/exim4/mainlog", utf8: true, large: "mail_from",
	}
}

func prepareExim(r *root, s settings) error {
	star := func(b bool) string {
		if b {
			return "*"
		}
		return ""
	}
	later, auth := "defer local_parts = ^later-\n        message = 450 4.2.1 Mailbox busy", ""
	if s.restarted {
		later = ""
	}
	if s.auth {
		auth = "deny !authenticated = *\n       message = 530 5.7.0 Authentication required"
	}
	text := strings.NewReplacer("{port}", portOf(s.addr), "{chunking}", star(s.chunking), "{tls}", star(s.tls), "{more}", s.extra,
		"{later}", later, "{auth}", auth, "{offer}", yesNo(s.auth)).Replace(eximMain)
	return errors.Join(
		r.Chown("etc/relay.key", ownerID, ownerID), // it reads the key as its own user
		r.mkdir("var/spool/exim4", ownerID, 0o750), r.mkdir("var/log/exim4", ownerID, 0o750),
		r.write("etc/exim4/exim4.conf", 0o644, text), r.write("etc/mailname", 0o644, fmt.Sprintln("exim.example")))
}
