-- The queue's view of relays and domains: limits, breakers, wake-up latency.

SELECT 1;

---- create above / drop below ----

SELECT 1;
