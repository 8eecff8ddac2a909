-- Addresses that are not written to, and the events that put them there.

SELECT 1;

---- create above / drop below ----

SELECT 1;
