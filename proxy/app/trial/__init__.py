"""Calls that are never made: the tests of policies, and questions about a call, judged by the code that judges real ones.

A trial stands on a generation's rules, prices and routes (``ground``). Its facts are told instead of measured (``asked``); what
is decided, looked for, held and refused is done by the rooms that do it on the walk (``play``), on the meters of a private
engine whose clock is the trial's.
"""
