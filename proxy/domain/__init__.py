"""The words of the house: frozen values without behaviour that needs the world.

Nothing here does I/O, reads a clock or draws a random number, and nothing here imports another room.
"""
