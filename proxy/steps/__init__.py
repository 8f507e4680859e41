"""What the walk's steps are made of: the attempt that cannot be forgotten, the relay, the receipt, the leases."""
