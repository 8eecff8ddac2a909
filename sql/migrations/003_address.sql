-- Addresses: the one to write to, and the key by which addresses compare.

SELECT 1;

---- create above / drop below ----

SELECT 1;
