-- On the replica. False until each table is copied: until then the tables are of different moments, and a new text may
-- stand beside the readers of an older one. Grant consumers their rights after it is true.
SELECT coalesce(bool_and(srsubstate = 'r'), false)
FROM pg_subscription_rel JOIN pg_subscription ON pg_subscription.oid = srsubid
WHERE subname = 'hr_replica';
