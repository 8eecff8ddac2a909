-- How far the site has been told which mails are finally sent or dead (manage.py
-- sespan_mail_signals). The outcomes themselves are the news; this is one row of state.

CREATE TABLE sespan.mail_signal (
    signal_id       smallint    PRIMARY KEY DEFAULT 1 CONSTRAINT mail_signal_is_single CHECK (signal_id = 1),
    signalled_until timestamptz NOT NULL,
    signalled_at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE sespan.mail_signal IS 'One row, or none before the site asked first: until when it knows of final states of mails';
COMMENT ON COLUMN sespan.mail_signal.signal_id IS 'Always 1';
COMMENT ON COLUMN sespan.mail_signal.signalled_until IS 'The site was told of every mail whose final state is older';
COMMENT ON COLUMN sespan.mail_signal.signalled_at IS 'When it was last told';

---- create above / drop below ----

DROP TABLE sespan.mail_signal;
