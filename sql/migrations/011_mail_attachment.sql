-- Attachments, stored once per SHA-256.

SELECT 1;

---- create above / drop below ----

SELECT 1;
