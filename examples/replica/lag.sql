-- On the source: how far behind the replica is. No row: nobody is connected.
SELECT application_name, replay_lag, pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) AS bytes_behind
FROM pg_stat_replication WHERE application_name = 'hr_replica';
