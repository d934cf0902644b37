"""What `recover` can be told to do, one module for each subject."""
