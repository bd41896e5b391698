"""Pages to be looked at: some pictures of each kind, with boxes, and how right they are."""
