"""How the tables came to be: one step a file, taken in order by ``recover migrate``."""
