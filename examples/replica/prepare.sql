-- On the replica, after `hr-sync init-db` with its address: rows that init-db writes come from the source.
DELETE FROM public.access_policy;
DELETE FROM public.text_policy;
