"""`megabatch doctor`: examines what a service needs, as seen from here. One part a file."""
