-- What consumers of all sites may read, by a superuser in the database, after `hr-sync init-db` as hr_owner for all sites
-- and grants.sql for the schema of each. Once before: CREATE ROLE hr_sites_reader NOLOGIN. Then GRANT hr_sites_reader TO
-- chatbot. Run it again when the views were made afresh.
--
-- The views show what every reader of one site may read, and a site that is added later is in them at once. Grant this
-- role only to who is such a reader of every site, and will be one of those to come. Who reads one site gets its role.
GRANT USAGE ON SCHEMA hr_sync_sites TO hr_worker, hr_sites_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA hr_sync_sites TO hr_worker, hr_sites_reader;
