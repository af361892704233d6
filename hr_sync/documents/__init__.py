"""Text of attached documents: bytes in, blocks of Markdown out. Knows neither Confluence nor PostgreSQL.

`reader.DocumentReader` is the entry. It has each file read by `extract.extract` in a process of its own with limits
(`process`, `child`, `protocol`), because the libraries that read documents were not made for hostile ones (ADR 0021).
`result` holds what goes in and what comes out.
"""
