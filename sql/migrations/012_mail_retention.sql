-- Retention of mails: days that are dropped, rows that are kept.

SELECT 1;

---- create above / drop below ----

SELECT 1;
