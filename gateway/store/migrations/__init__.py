"""The database schema, one migration a step; applied by gateway.store.migrate."""
