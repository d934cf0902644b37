"""The founder's pages: overview, cases, retry models, audit log."""
