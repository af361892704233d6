-- Tables of the example, beside those of the mirror (the same schema). By an owner who may create extensions.
CREATE EXTENSION IF NOT EXISTS vector;

-- A cache: what a text becomes. It says nothing about who may read it, and it is never deleted to be right: a section is
-- shown if the query that joins it to its page says so. The same text on two pages is embedded once.
CREATE TABLE IF NOT EXISTS rag_embeddings (
    text_hash text PRIMARY KEY,
    model text NOT NULL,
    embedding vector(256) NOT NULL
);
CREATE INDEX IF NOT EXISTS rag_embeddings_nearest ON rag_embeddings USING hnsw (embedding vector_cosine_ops);

-- How far the feed of changes was read, and the pages whose new sections still have to be embedded.
CREATE TABLE IF NOT EXISTS rag_position (one boolean PRIMARY KEY DEFAULT true CHECK (one), position text NOT NULL);
CREATE TABLE IF NOT EXISTS rag_pending (page_id text PRIMARY KEY);
