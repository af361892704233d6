-- On the source, in the database of the mirror, by a superuser or by the owner of the tables with CREATE on the database.
-- wal_level must be logical. Replace public where database.schema names another schema.
--
-- What the views and functions of consumers read, and nothing else: no feed, no history of runs, no failures.
-- One publication and one subscription: then each transaction arrives whole, and in the order of the commits. Text that
-- came by another subscription than its readers could be shown before its restriction.
CREATE PUBLICATION hr_mirror FOR TABLE
    public.confluence_pages,
    public.page_bodies,
    public.page_attachments,
    public.page_comments,
    public.attachment_texts,
    public.page_texts,
    public.page_sections,
    public.sync_spaces,
    public.access_policy,
    public.access_sets,
    public.access_layers,
    public.access_principals,
    public.groups,
    public.group_members,
    public.text_policy;
