-- A role that queries the tables of pages themselves and sees in them what one asker may read. By a superuser in the
-- database, after grants.sql. Replace public where database.schema names another schema.
--
-- The application that has this role says who asks, in each transaction:
--     SELECT set_config('hr_sync.user', '<account id>', true), set_config('hr_sync.groups', '{<group id>,...}', true);
-- Without groups those in which the mirrored groups have the user count. Whoever may send SQL of their own through this
-- role may also say that they are somebody else: give it to applications, not to people.
CREATE ROLE hr_consumer NOLOGIN;
GRANT USAGE ON SCHEMA public TO hr_consumer;
GRANT SELECT ON public.confluence_pages, public.page_bodies, public.page_attachments, public.page_comments
    TO hr_consumer;
GRANT EXECUTE ON FUNCTION public.access_sets_passed, public.spaces_with_recent_access,
    public.attachments_readable_by, public.comments_readable_by TO hr_consumer;

-- The worker goes on as before; the owner, and so the views and functions, are not concerned.
CREATE POLICY of_worker ON public.confluence_pages TO hr_worker USING (true) WITH CHECK (true);
CREATE POLICY of_worker ON public.page_bodies TO hr_worker USING (true) WITH CHECK (true);
CREATE POLICY of_worker ON public.page_attachments TO hr_worker USING (true) WITH CHECK (true);
CREATE POLICY of_worker ON public.page_comments TO hr_worker USING (true) WITH CHECK (true);

-- Each subquery is evaluated once for a query. A function that is called for each row is thirty times slower.
CREATE POLICY of_consumer ON public.confluence_pages FOR SELECT TO hr_consumer USING (
    status = 'current' AND hidden_at IS NULL AND removed_at IS NULL
    AND access_set_id = ANY ((SELECT public.access_sets_passed(
        nullif(current_setting('hr_sync.user', true), ''),
        nullif(current_setting('hr_sync.groups', true), '')::text[]))::bigint[])
    AND space_id = ANY ((SELECT public.spaces_with_recent_access())::text[]));
CREATE POLICY of_consumer ON public.page_bodies FOR SELECT TO hr_consumer USING (
    page_id IN (SELECT id FROM public.confluence_pages));
-- As in live_attachments and live_comments: under access that was read after the file or the text. hr_consumer cannot
-- read sync_spaces, so that functions that run with the rights of the owner say which ones that are.
CREATE POLICY of_consumer ON public.page_attachments FOR SELECT TO hr_consumer USING (
    hidden_at IS NULL AND removed_at IS NULL AND id IN (SELECT public.attachments_readable_by(
        nullif(current_setting('hr_sync.user', true), ''),
        nullif(current_setting('hr_sync.groups', true), '')::text[])));
CREATE POLICY of_consumer ON public.page_comments FOR SELECT TO hr_consumer USING (
    hidden_at IS NULL AND removed_at IS NULL AND id IN (SELECT public.comments_readable_by(
        nullif(current_setting('hr_sync.user', true), ''),
        nullif(current_setting('hr_sync.groups', true), '')::text[])));
ALTER TABLE public.confluence_pages ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.page_bodies ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.page_attachments ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.page_comments ENABLE ROW LEVEL SECURITY;
