-- What a mail may consist of. The checks name the parameter that is wrong, in the
-- caller's own transaction (SQLSTATE SP003); what SMTP has no room for is refused
-- where it is enqueued, in place of a dead mail.

CREATE FUNCTION sespan.mail_refuse(parameter text, reason text) RETURNS void LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION '%: %', parameter, reason
        USING ERRCODE = 'SP003', HINT = pg_catalog.format('Correct the parameter %s.', parameter);
END
$$;
COMMENT ON FUNCTION sespan.mail_refuse(text, text) IS 'Raises SP003 for one parameter';

-- A dot-string, with dots wherever Japanese operators gave them out, or a quoted string,
-- before the @ (RFC 5321 lets more than 64 bytes be tried); a domain or an address
-- literal behind it. Counted repetition is left out of the pattern: it made it ten times as slow.
CREATE FUNCTION sespan.mail_address(value text, parameter text) RETURNS text LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    at int := CASE WHEN pg_catalog.left(value, 1) = '"' THEN pg_catalog.length(value) - pg_catalog.strpos(pg_catalog.reverse(value), '@') + 1
                   ELSE pg_catalog.strpos(value, '@') END;
BEGIN
    IF value !~ '^(?:[^][:cntrl:][:space:]"(),:;<>@\\[]+|"(?:[^"\\<>[:cntrl:]]|\\[^<>[:cntrl:]])*")@(?:[a-zA-Z0-9_\u00A1-\U0010FFFF]+(?:(?:-+|\.)[a-zA-Z0-9_\u00A1-\U0010FFFF]+)*|\[[0-9a-fA-FiIpPvV.:]+\])$'
       OR pg_catalog.octet_length(value) > 254
       OR (pg_catalog.length(value) - at > 63 AND pg_catalog.substr(value, at + 1) ~ '[^.]{64}')
       OR (pg_catalog.substr(value, at + 1, 1) = '[' AND pg_catalog.substr(value, at + 1) !~ '^\[(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|(?:[iI][pP][vV]6:)?[0-9a-fA-F]*:[0-9a-fA-F:.]{1,40})\]$')
       -- Other scripts bring spaces, line ends and marks of direction that nobody sees.
       OR (pg_catalog.octet_length(value) > pg_catalog.length(value)
           AND value ~ '[\u0080-\u00A0\u00AD\u1680\u2000-\u200F\u2028-\u202F\u205F-\u206F\u3000\uFEFF\uFFF9-\uFFFF]') THEN
        PERFORM sespan.mail_refuse(parameter, pg_catalog.format('%L is not an e-mail address', pg_catalog.left(value, 100)));
    END IF;
    RETURN pg_catalog.left(value, at) || pg_catalog.lower(pg_catalog.substr(value, at + 1) COLLATE "C");
END
$$;
COMMENT ON FUNCTION sespan.mail_address(text, text) IS 'A bare address with the ASCII letters of its domain in lower case, or SP003. One beyond ASCII stays as it is: the worker makes its A-labels';

CREATE FUNCTION sespan.mail_mailbox(value text, parameter text, OUT mailbox text, OUT address text) LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    open int := pg_catalog.strpos(value, '<');
    name text;
BEGIN
    IF open = 0 THEN
        address := sespan.mail_address(pg_catalog.btrim(value, ' '), parameter);
        mailbox := address;
        RETURN;
    END IF;
    name := pg_catalog.btrim(pg_catalog.left(value, open - 1), ' ');
    IF value !~ '>\s*$' OR name ~ '[[:cntrl:]<>]' OR pg_catalog.length(name) > 255 THEN
        PERFORM sespan.mail_refuse(parameter, pg_catalog.format('%L is not of the form Name <address>', pg_catalog.left(value, 100)));
    END IF;
    address := sespan.mail_address(pg_catalog.rtrim(pg_catalog.substr(value, open + 1), '> '), parameter);
    -- A name with specials must be quoted; one that is quoted well already stays.
    IF name ~ '[][()<>:;@\\,."]' AND name !~ '^"([^"\\]|\\.)*"$' THEN
        name := '"' || pg_catalog.regexp_replace(name, '(["\\])', '\\\1', 'g') || '"';
    END IF;
    mailbox := pg_catalog.ltrim(name || ' <' || address || '>', ' ');
END
$$;
COMMENT ON FUNCTION sespan.mail_mailbox(text, text) IS 'Takes "a@b.co" or "Name <a@b.co>" apart; SP003 for anything else';

CREATE FUNCTION sespan.mail_mailboxes(list text[], parameter text, OUT mailboxes text[], OUT addresses text[]) LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    one record;
BEGIN
    mailboxes := '{}';
    addresses := '{}';
    IF pg_catalog.array_ndims(list) > 1 OR pg_catalog.cardinality(list) > 1000 OR pg_catalog.array_position(list, NULL) IS NOT NULL THEN
        PERFORM sespan.mail_refuse(parameter, 'must be a plain list of at most 1000 addresses without NULL');
    END IF;
    FOR i IN 1..coalesce(pg_catalog.cardinality(list), 0) LOOP
        one := sespan.mail_mailbox(list[i], parameter);
        mailboxes := mailboxes || one.mailbox;
        addresses := addresses || one.address;
    END LOOP;
END
$$;
COMMENT ON FUNCTION sespan.mail_mailboxes(text[], text) IS 'mail_mailbox for a list';

CREATE FUNCTION sespan.mail_check_subject(subject text) RETURNS text LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
    IF subject IS NULL OR subject ~ '[[:cntrl:]]' OR pg_catalog.length(subject) > 10000 THEN
        PERFORM sespan.mail_refuse('subject', 'must be one line of at most 10000 characters without control characters');
    END IF;
    RETURN subject;
END
$$;
COMMENT ON FUNCTION sespan.mail_check_subject(text) IS 'The subject, or SP003';

-- A mailbox provider drops an offer to unsubscribe that is not as RFC 2369 and RFC
-- 8058 want it, without a word to the sender: the caller hears of it instead. A
-- header's long word cannot be folded into SMTP's lines of 998 bytes.
CREATE FUNCTION sespan.mail_check_headers(headers jsonb) RETURNS void LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    h record;
    offer text;
    one_click text;
BEGIN
    IF pg_catalog.jsonb_typeof(headers) <> 'object' OR pg_catalog.octet_length(headers::text) > 65536 THEN
        PERFORM sespan.mail_refuse('headers', 'must be an object of at most 64 KiB, name to text');
    END IF;
    FOR h IN SELECT e.key, e.value, pg_catalog.jsonb_typeof(e.value) AS kind, e.value #>> '{}' AS line FROM pg_catalog.jsonb_each(headers) e LOOP
        IF h.key !~ '^[!-9;-~]{1,76}$' THEN
            PERFORM sespan.mail_refuse('headers', pg_catalog.format('%L is not a header name', pg_catalog.left(h.key, 80)));
        ELSIF pg_catalog.lower(h.key COLLATE "C") IN ('from', 'to', 'cc', 'bcc', 'subject', 'date', 'reply-to', 'return-path', 'received', 'dkim-signature')
              OR h.key ~* '^(content-|mime-version$)' COLLATE "C" THEN
            PERFORM sespan.mail_refuse('headers', pg_catalog.format('%s is made from the other parameters', h.key));
        ELSIF h.kind <> 'string' OR h.line ~ '[\u0001-\u0008\u000A-\u001F\u007F]' THEN
            PERFORM sespan.mail_refuse('headers', pg_catalog.format('%s must be text without control characters', h.key));
        ELSIF pg_catalog.length(h.line) > 900 AND h.line ~ '^[\u0001-\u007F]*$'
              AND (SELECT max(pg_catalog.length(w)) FROM pg_catalog.regexp_split_to_table(h.line, '[ \t]+') w) > 900 THEN
            PERFORM sespan.mail_refuse('headers', pg_catalog.format('%s has more than 900 characters without a space', h.key));
        ELSIF pg_catalog.lower(h.key COLLATE "C") = 'message-id' AND pg_catalog.length(h.line) > 500 THEN
            PERFORM sespan.mail_refuse('headers', 'Message-ID has more than 500 characters');
        ELSIF pg_catalog.lower(h.key COLLATE "C") = 'message-id' AND h.line !~ '^<[!-;=?-~]+@[!-;=?-~]+>$' THEN
            PERFORM sespan.mail_refuse('headers', 'Message-ID must be of the form <left@right>');
        ELSIF pg_catalog.lower(h.key COLLATE "C") = 'list-unsubscribe' THEN
            offer := h.line;
        ELSIF pg_catalog.lower(h.key COLLATE "C") = 'list-unsubscribe-post' THEN
            one_click := h.line;
        END IF;
    END LOOP;
    IF EXISTS (SELECT FROM pg_catalog.jsonb_object_keys(headers) k GROUP BY pg_catalog.lower(k COLLATE "C") HAVING count(*) > 1) THEN
        PERFORM sespan.mail_refuse('headers', 'holds one name twice');
    ELSIF offer !~* '^\s*<(https?://[!-.0-;=?-~][!-;=?-~]*|mailto:[!-;=?-~]+)>(\s*,\s*<(https?://[!-.0-;=?-~][!-;=?-~]*|mailto:[!-;=?-~]+)>)*\s*$' COLLATE "C" THEN
        PERFORM sespan.mail_refuse('headers', 'List-Unsubscribe must be addresses in angle brackets, such as <https://shop.example/u/1>, <mailto:u@shop.example>');
    ELSIF pg_catalog.btrim(one_click) <> 'List-Unsubscribe=One-Click' THEN
        PERFORM sespan.mail_refuse('headers', 'List-Unsubscribe-Post must be List-Unsubscribe=One-Click');
    ELSIF one_click IS NOT NULL AND offer ~* '<https://' COLLATE "C" IS NOT TRUE THEN
        PERFORM sespan.mail_refuse('headers', 'List-Unsubscribe-Post needs a List-Unsubscribe with an https address beside it');
    END IF;
END
$$;
COMMENT ON FUNCTION sespan.mail_check_headers(jsonb) IS 'SP003 unless these are extra headers that may be sent';

CREATE FUNCTION sespan.mail_check_headers_of(headers jsonb) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE STRICT
AS $$
BEGIN
    PERFORM sespan.mail_check_headers(headers);
    RETURN headers;
END
$$;
COMMENT ON FUNCTION sespan.mail_check_headers_of(jsonb) IS 'The extra headers, or SP003';

-- A worker cannot reckon with moments without end, nor with years that no calendar
-- of a client has: they are refused.
CREATE FUNCTION sespan.mail_check_rest(priority int, send_at timestamptz, expires_at timestamptz, category text, on_unknown text,
                                       retain_body boolean, size bigint) RETURNS int LANGUAGE plpgsql STABLE
AS $$
BEGIN
    IF priority IS NULL OR priority NOT BETWEEN 0 AND 9 THEN
        PERFORM sespan.mail_refuse('priority', 'must be 0 (first) to 9 (last)');
    ELSIF send_at > pg_catalog.now() + interval '366 days' THEN
        PERFORM sespan.mail_refuse('send_at', 'is more than a year away');
    ELSIF send_at < '1970-01-01 00:00+00' THEN
        PERFORM sespan.mail_refuse('send_at', 'lies before 1970');
    ELSIF expires_at >= '9999-01-01 00:00+00' THEN
        PERFORM sespan.mail_refuse('expires_at', 'never comes: leave it out');
    ELSIF expires_at <= greatest(pg_catalog.now(), send_at) THEN
        PERFORM sespan.mail_refuse('expires_at', 'must be later than now and than send_at');
    ELSIF category !~ '^[A-Za-z0-9._:-]{1,64}$' THEN
        PERFORM sespan.mail_refuse('category', 'must be 1 to 64 of A-Z a-z 0-9 . _ : -');
    ELSIF on_unknown IS NULL OR on_unknown NOT IN ('retry', 'hold') THEN
        PERFORM sespan.mail_refuse('on_unknown', 'must be retry or hold');
    ELSIF retain_body IS NULL THEN
        PERFORM sespan.mail_refuse('retain_body', 'must be true or false');
    ELSIF size > 26214400 THEN
        PERFORM sespan.mail_refuse('body_text', 'the parts together are larger than 25 MiB (attachments count in base64)');
    END IF;
    RETURN size;
END
$$;
COMMENT ON FUNCTION sespan.mail_check_rest(int, timestamptz, timestamptz, text, text, boolean, bigint) IS 'SP003 for the plain parameters; returns the size';

-- A whole message is sent nearly as it is: what no mail server takes is refused here. It is
-- looked through in windows of a line's length, so that its size costs no memory; LATIN1
-- makes a character of each byte.
CREATE FUNCTION sespan.mail_check_raw(raw bytea) RETURNS void LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    size int := pg_catalog.octet_length(raw);
    head bytea := pg_catalog.substr(raw, 1, least(nullif(pg_catalog.position(raw, '\x0d0a0d0a'::bytea), 0), nullif(pg_catalog.position(raw, '\x0a0a'::bytea), 0), size));
    lines text[];
    at int := 1;
    line_end int;
BEGIN
    IF size > 26214400 THEN
        PERFORM sespan.mail_refuse('raw', 'is larger than 25 MiB');
    ELSIF pg_catalog.position(raw, '\x00'::bytea) > 0 OR pg_catalog.encode(pg_catalog.substr(raw, 1, 78), 'escape') !~ '^[!-9;-~]{1,76}:' THEN
        PERFORM sespan.mail_refuse('raw', 'does not begin with a header or holds a NUL byte');
    ELSIF pg_catalog.octet_length(head) > 1048576 THEN
        PERFORM sespan.mail_refuse('raw', 'has a header of more than 1 MiB');
    END IF;
    lines := pg_catalog.string_to_array(pg_catalog.replace(pg_catalog.replace(pg_catalog.convert_from(head, 'LATIN1'), E'\r\n', E'\n'), E'\r', E'\n'), E'\n');
    lines := lines[1:coalesce(pg_catalog.array_position(lines, '') - 1, pg_catalog.cardinality(lines))];
    IF EXISTS (SELECT FROM pg_catalog.unnest(lines) l WHERE l !~ '^([!-9;-~]{1,76}[ \t]*:|[ \t])' OR l ~ '[\u0001-\u0008\u000A-\u001F\u007F]') THEN
        PERFORM sespan.mail_refuse('raw', 'has a line in its header that is no field or holds control characters');
    END IF;
    WHILE size - at >= 998 LOOP
        line_end := pg_catalog.strpos(pg_catalog.reverse(pg_catalog.translate(pg_catalog.convert_from(pg_catalog.substr(raw, at, 999), 'LATIN1'), E'\r', E'\n')), E'\n');
        IF line_end = 0 THEN
            PERFORM sespan.mail_refuse('raw', 'has a line of more than 998 bytes: encode the part as quoted-printable or base64');
        END IF;
        at := at + 1000 - line_end;
    END LOOP;
END
$$;
COMMENT ON FUNCTION sespan.mail_check_raw(bytea) IS 'SP003 unless this is a message that mail servers take: fields, lines of at most 998 bytes, no NUL';

-- Callers pass on what their callers sent: no mail is refused for it, and only the form is stored.
CREATE FUNCTION sespan.mail_traceparent(traceparent text) RETURNS text LANGUAGE sql IMMUTABLE
AS $$
    SELECT CASE WHEN traceparent ~ '^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$' THEN traceparent END
$$;
COMMENT ON FUNCTION sespan.mail_traceparent(text) IS 'The traceparent of W3C Trace Context, NULL for anything else';

---- create above / drop below ----

DROP FUNCTION sespan.mail_traceparent(text), sespan.mail_check_raw(bytea), sespan.mail_check_rest(int, timestamptz, timestamptz, text, text, boolean, bigint), sespan.mail_check_headers_of(jsonb),
    sespan.mail_check_headers(jsonb), sespan.mail_check_subject(text), sespan.mail_mailboxes(text[], text), sespan.mail_mailbox(text, text),
    sespan.mail_address(text, text), sespan.mail_refuse(text, text);
