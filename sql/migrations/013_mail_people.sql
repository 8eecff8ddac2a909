-- For people: why a mail is not sent, retry, cancel, pause, audit.

SELECT 1;

---- create above / drop below ----

SELECT 1;
