"""The decision point: ``decide()`` says yes or no, why, and which meters must be held first. Pure."""
