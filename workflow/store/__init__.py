"""The store: schema.py the tables, sql.py what both databases do alike, sqlite.py and postgresql.py their differences."""
