-- What SMTP has no room for is refused where it is enqueued, in place of a dead mail:
-- 64 bytes (not characters) before the @ (RFC 5321, 4.5.3.1.1), and lines of 998
-- bytes, which a header's long word cannot be folded into. The functions of 011 and
-- 015 in their present form.

CREATE OR REPLACE FUNCTION sespan.mail_address(value text, parameter text) RETURNS text LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    at int := pg_catalog.strpos(value, '@');
BEGIN
    IF value !~ '^[^][:cntrl:][:space:]"(),.:;<>@\\[]+(\.[^][:cntrl:][:space:]"(),.:;<>@\\[]+)*@[a-zA-Z0-9\u00A1-\uFFFF]+((-+|\.)[a-zA-Z0-9\u00A1-\uFFFF]+)*$'
       OR at > 65 OR pg_catalog.octet_length(pg_catalog.left(value, at)) > 65 OR pg_catalog.octet_length(value) > 254
       OR (pg_catalog.length(value) - at > 63 AND pg_catalog.substr(value, at + 1) ~ '[^.]{64}')
       -- Other scripts bring spaces, line ends and marks of direction that nobody sees.
       OR (pg_catalog.octet_length(value) > pg_catalog.length(value)
           AND value ~ '[\u0080-\u00A0\u00AD\u1680\u2000-\u200F\u2028-\u202F\u205F-\u206F\u3000\uFEFF\uFFF9-\uFFFF]') THEN
        PERFORM sespan.mail_refuse(parameter, pg_catalog.format('%L is not an e-mail address', pg_catalog.left(value, 100)));
    END IF;
    RETURN pg_catalog.left(value, at) || pg_catalog.lower(pg_catalog.substr(value, at + 1));
END
$$;

CREATE OR REPLACE FUNCTION sespan.mail_check_headers(headers jsonb) RETURNS void LANGUAGE plpgsql IMMUTABLE
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
        ELSIF pg_catalog.lower(h.key) IN ('from', 'to', 'cc', 'bcc', 'subject', 'date', 'reply-to', 'return-path', 'received', 'dkim-signature')
              OR h.key ~* '^(content-|mime-version$)' THEN
            PERFORM sespan.mail_refuse('headers', pg_catalog.format('%s is made from the other parameters', h.key));
        ELSIF h.kind <> 'string' OR h.line ~ '[\u0001-\u0008\u000A-\u001F\u007F]' THEN
            PERFORM sespan.mail_refuse('headers', pg_catalog.format('%s must be text without control characters', h.key));
        ELSIF pg_catalog.length(h.line) > 900 AND h.line ~ '^[\u0001-\u007F]*$'
              AND (SELECT max(pg_catalog.length(w)) FROM pg_catalog.regexp_split_to_table(h.line, '[ \t]+') w) > 900 THEN
            PERFORM sespan.mail_refuse('headers', pg_catalog.format('%s has more than 900 characters without a space', h.key));
        ELSIF pg_catalog.lower(h.key) = 'message-id' AND pg_catalog.length(h.line) > 500 THEN
            PERFORM sespan.mail_refuse('headers', 'Message-ID has more than 500 characters');
        ELSIF pg_catalog.lower(h.key) = 'message-id' AND h.line !~ '^<[!-;=?-~]+@[!-;=?-~]+>$' THEN
            PERFORM sespan.mail_refuse('headers', 'Message-ID must be of the form <left@right>');
        ELSIF pg_catalog.lower(h.key) = 'list-unsubscribe' THEN
            offer := h.line;
        ELSIF pg_catalog.lower(h.key) = 'list-unsubscribe-post' THEN
            one_click := h.line;
        END IF;
    END LOOP;
    IF EXISTS (SELECT FROM pg_catalog.jsonb_object_keys(headers) k GROUP BY pg_catalog.lower(k) HAVING count(*) > 1) THEN
        PERFORM sespan.mail_refuse('headers', 'holds one name twice');
    ELSIF offer !~* '^\s*<(https?://[!-.0-;=?-~][!-;=?-~]*|mailto:[!-;=?-~]+)>(\s*,\s*<(https?://[!-.0-;=?-~][!-;=?-~]*|mailto:[!-;=?-~]+)>)*\s*$' THEN
        PERFORM sespan.mail_refuse('headers', 'List-Unsubscribe must be addresses in angle brackets, such as <https://shop.example/u/1>, <mailto:u@shop.example>');
    ELSIF pg_catalog.btrim(one_click) <> 'List-Unsubscribe=One-Click' THEN
        PERFORM sespan.mail_refuse('headers', 'List-Unsubscribe-Post must be List-Unsubscribe=One-Click');
    ELSIF one_click IS NOT NULL AND offer ~* '<https://' IS NOT TRUE THEN
        PERFORM sespan.mail_refuse('headers', 'List-Unsubscribe-Post needs a List-Unsubscribe with an https address beside it');
    END IF;
END
$$;

---- create above / drop below ----

CREATE OR REPLACE FUNCTION sespan.mail_address(value text, parameter text) RETURNS text LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    at int := pg_catalog.strpos(value, '@');
BEGIN
    IF value !~ '^[^][:cntrl:][:space:]"(),.:;<>@\\[]+(\.[^][:cntrl:][:space:]"(),.:;<>@\\[]+)*@[a-zA-Z0-9\u00A1-\uFFFF]+((-+|\.)[a-zA-Z0-9\u00A1-\uFFFF]+)*$'
       OR at > 65 OR pg_catalog.octet_length(value) > 254
       OR (pg_catalog.length(value) - at > 63 AND pg_catalog.substr(value, at + 1) ~ '[^.]{64}')
       -- Other scripts bring spaces, line ends and marks of direction that nobody sees.
       OR (pg_catalog.octet_length(value) > pg_catalog.length(value)
           AND value ~ '[\u0080-\u00A0\u00AD\u1680\u2000-\u200F\u2028-\u202F\u205F-\u206F\u3000\uFEFF\uFFF9-\uFFFF]') THEN
        PERFORM sespan.mail_refuse(parameter, pg_catalog.format('%L is not an e-mail address', pg_catalog.left(value, 100)));
    END IF;
    RETURN pg_catalog.left(value, at) || pg_catalog.lower(pg_catalog.substr(value, at + 1));
END
$$;

CREATE OR REPLACE FUNCTION sespan.mail_check_headers(headers jsonb) RETURNS void LANGUAGE plpgsql IMMUTABLE
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
        ELSIF pg_catalog.lower(h.key) IN ('from', 'to', 'cc', 'bcc', 'subject', 'date', 'reply-to', 'return-path', 'received', 'dkim-signature')
              OR h.key ~* '^(content-|mime-version$)' THEN
            PERFORM sespan.mail_refuse('headers', pg_catalog.format('%s is made from the other parameters', h.key));
        ELSIF h.kind <> 'string' OR h.line ~ '[\u0001-\u0008\u000A-\u001F\u007F]' THEN
            PERFORM sespan.mail_refuse('headers', pg_catalog.format('%s must be text without control characters', h.key));
        ELSIF pg_catalog.lower(h.key) = 'message-id' AND h.line !~ '^<[!-;=?-~]+@[!-;=?-~]+>$' THEN
            PERFORM sespan.mail_refuse('headers', 'Message-ID must be of the form <left@right>');
        ELSIF pg_catalog.lower(h.key) = 'list-unsubscribe' THEN
            offer := h.line;
        ELSIF pg_catalog.lower(h.key) = 'list-unsubscribe-post' THEN
            one_click := h.line;
        END IF;
    END LOOP;
    IF EXISTS (SELECT FROM pg_catalog.jsonb_object_keys(headers) k GROUP BY pg_catalog.lower(k) HAVING count(*) > 1) THEN
        PERFORM sespan.mail_refuse('headers', 'holds one name twice');
    ELSIF offer !~* '^\s*<(https?://[!-.0-;=?-~][!-;=?-~]*|mailto:[!-;=?-~]+)>(\s*,\s*<(https?://[!-.0-;=?-~][!-;=?-~]*|mailto:[!-;=?-~]+)>)*\s*$' THEN
        PERFORM sespan.mail_refuse('headers', 'List-Unsubscribe must be addresses in angle brackets, such as <https://shop.example/u/1>, <mailto:u@shop.example>');
    ELSIF pg_catalog.btrim(one_click) <> 'List-Unsubscribe=One-Click' THEN
        PERFORM sespan.mail_refuse('headers', 'List-Unsubscribe-Post must be List-Unsubscribe=One-Click');
    ELSIF one_click IS NOT NULL AND offer ~* '<https://' IS NOT TRUE THEN
        PERFORM sespan.mail_refuse('headers', 'List-Unsubscribe-Post needs a List-Unsubscribe with an https address beside it');
    END IF;
END
$$;
