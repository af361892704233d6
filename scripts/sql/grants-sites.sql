-- What consumers of several sites may read, by a superuser in the database, after `hr-sync init-db` as hr_owner for all
-- sites. What each role may do in the schema of a site is in grants.sql, which is run for each of them.
GRANT USAGE ON SCHEMA hr_sync_sites TO hr_worker, hr_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA hr_sync_sites TO hr_worker, hr_reader;
