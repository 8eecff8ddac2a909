-- What a site has that is in use: a tier that is drawn, one whose cap of one winner the second order meets, a person with a key of
-- their own, whose rights were never compared, and a mail that will die.
SELECT sespan.tier_save(tier_id => t.tier_id, name => t.name, maximum_transaction => 999.99, probability => 0.25, discount => 0.1, per_customer_draws => NULL)
FROM sespan.transaction_tier t;
SELECT sespan.tier_save(name => 'Large', minimum_transaction => 1000, probability => 1, discount => 0.1, budget_uses => 1, budget_amount => 10000, per_customer_draws => NULL);
INSERT INTO sespan.api_key (key_id, secret_hash, role, name, owner_id, owner_name) VALUES ('personperson', sha256('never used'), 'report', 'charts', '7', 'user7');
SELECT sespan.mail_enqueue(recipient => 'never@example.org', subject => 'News', body_text => 'text');
