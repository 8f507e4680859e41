"""Counting, estimating and pricing: pure arithmetic over tokens and nano-dollars."""
