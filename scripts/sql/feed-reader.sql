-- A role for consumers of the feed that run `hr-sync changes` or read content_changes themselves. By a superuser in the
-- database, after grants.sql. Replace public where database.schema names another schema. GRANT hr_feed TO indexer.
--
-- The feed names pages of every reader, by their ids; what may be shown is in the views.
CREATE ROLE hr_feed NOLOGIN;
GRANT USAGE ON SCHEMA public TO hr_feed;
GRANT SELECT ON public.content_changes, public.feed_state, public.live_pages, public.live_sections,
    public.live_attachments, public.live_comments, public.mirror_freshness, public.hr_sync_alembic_version TO hr_feed;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.feed_consumers TO hr_feed;
