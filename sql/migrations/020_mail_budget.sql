-- What strangers may cause: mails to an address, from a visitor, and of the whole site.

SELECT 1;

---- create above / drop below ----

SELECT 1;
