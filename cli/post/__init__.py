"""`megabatch post`: tools that work on a results file. One command a file."""
