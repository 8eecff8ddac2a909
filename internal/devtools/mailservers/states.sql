SELECT recipient, state, coalesce(code, 0), coalesce(reason, ''), coalesce(reply, ''), coalesce(relay, '') FROM sespan.mail_recipient
