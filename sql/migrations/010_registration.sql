-- Registration: the site's own mark of a new customer, and what a new registration replaces.

SELECT 1;

---- create above / drop below ----

SELECT 1;
