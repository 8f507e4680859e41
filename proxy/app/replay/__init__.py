"""Recorded calls through two generations of policies, and what would change: ``tallygate policy diff``.

``recorded`` is a call as it is kept, ``gathering`` makes such calls of journal rows, ``people`` finds who is behind a
pseudonym. ``house`` is the present configuration with a folder of policies, ``bearing`` leaves out the rules that change
no outcome, ``weighing`` prices, ``planning`` decides, ``running`` holds and settles on a private engine, ``working`` does
so in a process of its own, one for each generation. ``comparing`` tells what differs, ``tallying`` adds up, ``replaying``
puts all of it together; ``conditions`` is the language of ``--fail-if``, ``revisions`` finds the two folders.
"""
