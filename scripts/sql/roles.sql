-- The roles of a database for hr_sync, by a superuser, once for the cluster. Put passwords in the place of the dots.
-- hr_owner makes and migrates the tables, hr_worker reads and writes rows, hr_reader sees what consumers may see.
CREATE ROLE hr_owner LOGIN PASSWORD '…';
CREATE ROLE hr_worker LOGIN PASSWORD '…';
CREATE ROLE hr_reader NOLOGIN;
CREATE DATABASE hr OWNER hr_owner;
