"""The benchmark: what a call costs here, beside nginx and Envoy in the same run. Never part of the test suite."""
