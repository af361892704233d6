-- What each role may do, by a superuser in the database, after `hr-sync init-db` as hr_owner. Replace public where
-- database.schema names another schema, and hr_reader where another site has that one. Consumers get hr_reader: GRANT
-- hr_reader TO chatbot.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
REVOKE TEMPORARY ON DATABASE hr FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO hr_worker, hr_reader;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO hr_worker;
ALTER DEFAULT PRIVILEGES FOR ROLE hr_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO hr_worker;
GRANT SELECT ON public.live_pages, public.live_sections, public.live_attachments, public.live_comments,
    public.mirror_freshness, public.hr_sync_alembic_version TO hr_reader;
GRANT EXECUTE ON FUNCTION public.access_sets_passed, public.spaces_with_recent_access, public.pages_readable_by,
    public.sections_readable_by, public.attachments_readable_by, public.comments_readable_by,
    public.count_sections_readable_by, public.may_read, public.search_query, public.search_sections,
    public.search_live_sections TO hr_worker, hr_reader;
