"""The only room that knows Redis: the embedded engine, one multiplexed connection, and the scripts of the meters."""
