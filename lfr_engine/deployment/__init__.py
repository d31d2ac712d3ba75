"""One lawful run: authority, retention, the record and its report."""
