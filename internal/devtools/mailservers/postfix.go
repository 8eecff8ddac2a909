package main

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
)

// postfixMain are the strictest settings that a client may meet. The client is not
// in mynetworks, so that no rule is waived for it.
const postfixMain = `compatibility_level = 3.6
queue_directory = /var/spool/postfix
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
data_directory = /var/lib/postfix
mail_owner = postfix
setgid_group = postdrop
default_privs = nobody
maillog_file = /var/log/mail.log
import_environment = MAIL_CONFIG TZ LD_LIBRARY_PATH
myhostname = postfix.example
mydestination =
mynetworks = 192.0.2.0/24
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
alias_database =
local_recipient_maps =
virtual_mailbox_domains = sink.example, xn--bcher-kva.example, bücher.example
virtual_mailbox_base = /sink
virtual_mailbox_maps = static:box/
virtual_uid_maps = static:1000
virtual_gid_maps = static:1000
virtual_minimum_uid = 500
virtual_mailbox_limit = 0
message_size_limit = 8388608
smtpd_helo_required = yes
disable_vrfy_command = yes
strict_rfc821_envelopes = yes
smtpd_forbid_unauth_pipelining = yes
smtpd_forbid_bare_newline_exclusions =
smtpd_client_event_limit_exceptions =
smtpd_peername_lookup = no
smtpd_relay_restrictions = reject_unauth_destination
smtpd_client_restrictions = reject_unauth_pipelining
smtpd_helo_restrictions = reject_unauth_pipelining, reject_invalid_helo_hostname
smtpd_sender_restrictions = reject_unauth_pipelining, reject_non_fqdn_sender
smtpd_recipient_restrictions = reject_unauth_pipelining, reject_non_fqdn_recipient, check_recipient_access regexp:/etc/postfix/refused
smtpd_data_restrictions = reject_unauth_pipelining
smtpd_end_of_data_restrictions = reject_unauth_pipelining
`

const postfixServices = `pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`

func postfix() *software {
	return &software{
		pkg: "postfix", prepare: preparePostfix,
		command: []string{"/usr/lib/postfix/sbin/master", "-c", "/etc/postfix", "-d"},
		queueID: regexp.MustCompile(`queued as ([0-9A-Za-z]+)`),
		greeted: regexp.MustCompile(`smtpd\[\d+\]: connect from`), logFile: "var/log/mail.log", utf8: true, large: "mail_from",
	}
}

func preparePostfix(r *root, s settings) error {
	set := map[string]string{}
	if !s.chunking {
		set["smtpd_discard_ehlo_keywords"] = "chunking, silent-discard"
	}
	if s.tls {
		set["smtpd_tls_security_level"] = "encrypt"
		set["smtpd_tls_chain_files"] = "/etc/relay.key, /etc/relay.crt"
	}
	maps.Copy(set, s.options)
	main := postfixMain
	for _, name := range slices.Sorted(maps.Keys(set)) {
		main += name + " = " + set[name] + "\n"
	}
	front := fmt.Sprintf("127.0.0.1:%s inet n - n - - smtpd\n", portOf(s.addr))
	if s.extra == "postscreen" {
		front = fmt.Sprintf("127.0.0.1:%s inet n - n - 1 postscreen\n", portOf(s.addr)) +
			"smtpd pass - - n - - smtpd\ndnsblog unix - - n - 0 dnsblog\ntlsproxy unix - - n - 0 tlsproxy\n"
	}
	refused := "/^gone-/ 550 5.1.1 No such user\n"
	if !s.restarted {
		refused += "/^later-/ 450 4.2.1 Mailbox busy\n"
	}
	return errors.Join(
		r.write("etc/postfix/main.cf", 0o644, main), r.write("etc/postfix/master.cf", 0o644, front+postfixServices),
		r.write("etc/postfix/refused", 0o644, refused), r.write("etc/postfix/dynamicmaps.cf", 0o644, ""), postfixFolders(r))
}

// postfixFolders makes the queue as `postfix check` would.
func postfixFolders(r *root) (err error) {
	const queue = "var/spool/postfix/"
	err = errors.Join(r.mkdir(queue, 0, 0o755), r.mkdir(queue+"pid", 0, 0o755), r.mkdir("var/lib/postfix", ownerID, 0o700))
	for _, name := range []string{"active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved", "trace"} {
		err = errors.Join(err, r.mkdir(queue+name, ownerID, 0o700))
	}
	return errors.Join(err, r.mkdir(queue+"maildrop", ownerID, 0o730), r.mkdir(queue+"public", ownerID, 0o710))
}
