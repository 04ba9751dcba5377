"""The revisions of the schema, run by `pycrm.storage.sql.upgrade`; each one is frozen once released."""
