"""Everything we write, to subscribers and to the company."""
