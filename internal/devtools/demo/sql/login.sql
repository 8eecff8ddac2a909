-- The shop's own login: it owns the shop's tables and nothing else.
SELECT pg_catalog.format('CREATE ROLE shop LOGIN PASSWORD %L', $1::text)
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'shop')
UNION ALL
SELECT 'CREATE DATABASE shop OWNER shop'
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = 'shop')
