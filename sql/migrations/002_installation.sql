-- The installation: what belongs to this schema and to no other on the server.

SELECT 1;

---- create above / drop below ----

SELECT 1;
