"""Each step, with what it may take away and with the traps that its assumption invites."""

from __future__ import annotations

import pytest

from tests.support.twins import are_twins

UUID_A = "9df410f1-f7fa-4ae8-9238-91037db0ce0d"
UUID_B = "1b54399f-973c-445c-bd7b-4a43daccaba7"

SAME = [
    # blank and line ends
    ("How do I perform identity checks?", "  How do I perform identity checks?  \n\n"),
    ("Explain how this works:\r\nx = 1\r\n", "Explain how this works:\nx = 1"),
    ("ls -la", "\nls -la\n"),
    # spaces and Unicode
    ("Write a function to find  the sum of a  list.", "Write a function to find the sum of a list."),
    ("Write\u00a0a function to find the sum of a list", "Write a function to find the sum of a list"),
    ("\ufeffHow do I open an account for my children?", "How do I open an account for my children?"),
    ("Where can I find the cafe\u0301s in the old town?", "Where can I find the cafés in the old town?"),
    ("What\u2019s the best way to learn to swim?", "What's the best way to learn to swim?"),
    ("Write a function to \ufb01nd the sum of a list", "Write a function to find the sum of a list"),
    # case
    ("What is the mpg of this car", "what is the mpg of this car"),
    ("can I use it if I have no card", "can i use it if i have no card"),
    ("I want to close the account. How do I do that?", "i want to close the account. how do i do that?"),
    # contractions
    ("what's the way to change motor oil", "what is the way to change motor oil"),
    ("I'm not able to open the door", "I am not able to open the door"),
    ("There was a charge that I didn't make.", "There was a charge that I did not make."),
    # ending
    ("My card was declined at the shop.", "My card was declined at the shop"),
    ("How do I close my account?", "How do I close my account"),
    ("How can companies reduce bias!", "How can companies reduce bias??"),
    ("Write a function to zip the two tuples!", "Write a function to zip the two tuples."),
    # courtesy
    ("Hello, how do I close my account?", "How do I close my account?"),
    ("Hi team, write a function to zip the two tuples", "Write a function to zip the two tuples"),
    ("Please write a function to zip the two tuples.", "Write a function to zip the two tuples."),
    ("Could you please describe how a heap works?", "Describe how a heap works"),
    ("Write a function to zip the two tuples. Thanks!", "Write a function to zip the two tuples."),
    ("How do I close my account? Thank you.", "How do I close my account?"),
    ("i need to close my account please", "i need to close my account"),
    ("How do I close my account?, please", "how do I close my account"),
    # telemetry
    (f"request_id: {UUID_A}\n\nHow do I open a door?", f"request_id: {UUID_B}\n\nHow do I open a door?"),
    (f"[{UUID_A}] How do I paint a door?", f"[{UUID_B}] How do I paint a door?"),
    (f"How do I paint a door?\n\ntrace_id: {UUID_A}", "How do I paint a door?"),
    ("[2026-11-08T00:38:12Z] How do I paint a door?", "[2026-11-08T07:38:01Z] How do I paint a door?"),
    # JSON
    (
        '{"task": "Tell me how to paint the door of a car", "n": 1.0}',
        '{\n "n": 1.0,\n "task": "Tell me how to paint the door of a car"}',
    ),
    # payload with an instruction in front of it
    ("Please explain what this does: a = [1,  2]", "explain what this does: a = [1,  2]"),
]

DIFFERENT = [
    # blank and line ends
    ("    a\n    b", "a\n    b"),
    ("- a:\n    b\n  - c", "  - a:\n    b\n  - c"),
    ("a\tb\t", "a\tb"),
    ("a\tb c\n1\t2", "a b\tc\n1\t2"),
    ("Count the spaces at the end of this message ", "Count the spaces at the end of this message"),
    ("Is there a newline at the end of what I sent?\n", "Is there a newline at the end of what I sent?"),
    ("Explain this:\na\rb", "Explain this:\na\nb"),
    # boundary
    ("Explain what this does:\n x = 1\n  y = 2", "Explain what this does:\n x = 1\n y = 2"),
    ("Fix this: They're here", "Fix this: They are here"),
    ("What does this mean? I'm off.", "What does this mean? I am off."),
    ("Who is right? Run it", "Who is right? Run it?"),
    ("Dear Sam, the car isn't here.\nMake that shorter", "Dear Sam, the car is not here.\nMake that shorter"),
    ("The cat is on the mat.\nWhat is wrong with this?", "the cat is on the mat\nWhat is wrong with this?"),
    ("Summarize the following. I'm at the door of the house", "Summarize the following. I am at the door of the house"),
    ("Hello Bob, how are you? I am at the office.\n\nMake it shorter", "How are you? I am at the office.\n\nMake it shorter"),
    ("explain this\tWhat's up", "explain this\tWhat is up"),
    ("all: build\n\tgo test", "all: build\n    go test"),
    ("-  a\n+  b", "- a\n+ b"),
    # commands, code
    ("docker build -t api .", "docker build -t api"),
    ("Explain what git add . does to the index", "Explain what git add does to the index"),
    ("Explain git add .", "Explain git add"),
    ("grep the -V of it", "grep the -v of it"),
    ("echo what is  the time in here", "echo what is the time in here"),
    ("find . -name what", "find . -name  what"),
    ("Is Node the same as node in this module", "Is node the same as node in this module"),
    ("Explain getUser in the code of the app", "Explain getuser in the code of the app"),
    ("What does a.b do in the code", "What does a b do in the code"),
    ("What is 7!", "What is 7"),
    ("What is the value of 7!", "What is the value of 7"),
    ("Is 46 > 57 or is it not?", "Is 46 < 57 or is it not?"),
    ("What is the root of -4?", "What is the root of 4?"),
    ("What is the sum of 1  2 3 and 4", "What is the sum of 1 2  3 and 4"),
    ("What is 1,000 in the old money", "What is 1000 in the old money"),
    ("select name from users where the id is 5", "Select name from users where the id is 5"),
    ("update users set name where id is 5", "Update users set name where id is 5"),
    ("what is in $HOME and the like", "what is in $home and the like"),
    # Unicode
    ("What is 10² and how is it done", "What is 102 and how is it done"),
    ("What is \uff21 in the table of it", "What is A in the table of it"),
    ("What is 10\u00a0000 in the old money", "What is 10 000 in the old money"),
    ("What is 10\u200b0 in the old money", "What is 100 in the old money"),
    ("How do I get the temperature in \u212a", "How do I get the temperature in K"),
    ("Is p\u0430ypal the name of a shop", "Is paypal the name of a shop"),
    ("What is the span of 2010\u20132015 in days", "What is the span of 2010-2015 in days"),
    ("What is the point of ❤️ in a chat", "What is the point of ❤ in a chat"),
    ("Is \u2019 the same as ' in the text", "Is ' the same as ' in the text"),
    ("What is the difference of cafe\u0301 and café", "What is the difference of café and café"),
    ("Was ist der Unterschied von Essen und essen", "Was ist der Unterschied von essen und essen"),
    ("Die Reise ist in an so was", "die Reise ist in an so was"),
    ("¿Qué es la  vida?", "¿Qué es la vida?"),
    ("Що  це таке?", "Що це таке?"),
    # form and wording
    ("Is the spelling of this right: i dont know", "is the spelling of this right: i dont know"),
    ("How many letters are in what's", "How many letters are in what is"),
    ("Make this formal: it's fine", "Make this formal: it is fine"),
    ("Translate to French I'm at the door of the house", "Translate to French I am at the door of the house"),
    ("Repeat what I say. It is late.", "Repeat what I say. It is late"),
    ("Is It is late a correct sentence.", "Is it is late a correct sentence."),
    ("Use upper case for the first of these: it is", "use upper case for the first of these: it is"),
    # case
    ("Is Polish hard to learn?", "Is polish hard to learn?"),
    ("What can I see in Turkey in a week", "What can I see in turkey in a week"),
    ("Polish is hard to do for me", "polish is hard to do for me"),
    ("Will is at the door of the house", "will is at the door of the house"),
    ("May is the best of them for me", "may is the best of them for me"),
    ("Apple is the best of them for me", "apple is the best of them for me"),
    ("What is the population of the US?", "What is the population of the us?"),
    ("IT is the worst part of my job", "It is the worst part of my job"),
    ("What does Id do to the Ego in you", "What does ID do to the Ego in you"),
    ("He is a noble gas and it is light", "he is a noble gas and it is light"),
    ("A minor is the key of it", "a minor is the key of it"),
    ("If V is given and R too what can I be", "If V is given and R too what can i be"),
    ("What is vitamin A good for in the body", "What is vitamin a good for in the body"),
    ("Tell me about Dr. Who and his dog", "Tell me about Dr. who and his dog"),
    # contractions
    ("Who's Afraid of the wolf in it", "Who is Afraid of the wolf in it"),
    ("what is the song i'm yours about", "what is the song i am yours about"),
    ("Let's go to the house of them", "Let us go to the house of them"),
    ("You can not go to the party of the year", "You cannot go to the party of the year"),
    ("It's finished with the car", "It is finished with the car"),
    ("Put I'm here on the sign of the door", "Put I am here on the sign of the door"),
    ("we're here to help you all", "were here to help you all"),
    ("he'd have it in the bag", "he had have it in the bag"),
    # ending
    ("It passed the test of the day.", "It passed the test of the day?"),
    ("Run it on the host", "Run it on the host?"),
    ("What I want is a car", "What I want is a car?"),
    ("Do the dishes for them", "Do the dishes for them?"),
    ("Can the tomatoes for the winter", "Can the tomatoes for the winter?"),
    ("What a day it is", "What a day it is?"),
    ("Who is the founder of Yahoo!", "Who is the founder of Yahoo"),
    ("They won the cup of the year!", "They won the cup of the year"),
    ("What is the value of n!", "What is the value of n"),
    ("Make it warmer for the guests. We're closed", "Make it warmer for the guests. We are closed"),
    ("Make it warmer for the guests. It is shut.", "Make it warmer for the guests. It is shut"),
    ("Is there a full stop at the back.", "Is there a full stop at the back"),
    ("The answer to it is...", "The answer to it is."),
    ("Once upon a time there was a king...", "Once upon a time there was a king."),
    ("The capital of the country is.", "The capital of the country is"),
    ("Who wrote Help!", "Who wrote Help"),
    # courtesy
    ("Hello, Goodbye is by which of the bands", "Goodbye is by which of the bands"),
    ("Hello, Dolly is on in the town", "Dolly is on in the town"),
    ("Good morning, Vietnam is about what", "Vietnam is about what"),
    ("Good morning, what should I eat?", "Good evening, what should I eat?"),
    ("Hello, I Must Be Going was made when by whom of them", "I Must Be Going was made when by whom of them"),
    ("Please Please Me is from which year", "Please Me is from which year"),
    ("Please the crowd with what you have", "The crowd with what you have"),
    ("Can you translate Spanish to the others", "Translate Spanish to the others"),
    ("Can you run a marathon in the heat", "Run a marathon in the heat"),
    ("How do you say please", "How do you say"),
    ("She is hard to please", "She is hard to"),
    ("Rank by warmth the hi, hello, thanks", "Rank by warmth the hi, hello"),
    ("What is the 2011 comedy Thanks", "What is the 2011 comedy"),
    ("Which of these is the politest. Thanks", "Which of these is the politest"),
    ("Write a card for my aunt. Thanks", "Write a card that says thanks for my aunt"),
    ("Reply to this: How are you? Thanks!", "Reply to this: How are you?"),
    ("Hello, who sang this in the year of 1967", "Who sang this in the year of 1967"),
    ("Could you pass an exam in the spring?", "Pass an exam in the spring"),
    ("Please write The Book Of Love", "write The Book Of Love!"),
    # telemetry
    (f"request_id: {UUID_A}\n\nWhy did this request fail?", f"request_id: {UUID_B}\n\nWhy did this request fail?"),
    (f"request_id: {UUID_A}\nWhat happened to it?", f"request_id: {UUID_B}\nWhat happened to it?"),
    (f"order_id: {UUID_A}\nWhere can I find my parcel?", f"order_id: {UUID_B}\nWhere can I find my parcel?"),
    (f"session_id: {UUID_A}\nHow do I open a door?", f"session_id: {UUID_B}\nHow do I open a door?"),
    (f"How do I open {UUID_A} in the app?", f"How do I open {UUID_B} in the app?"),
    (f"What is wrong here:\na: 1\n\ntrace_id: {UUID_A}", f"What is wrong here:\na: 1\n\ntrace_id: {UUID_B}"),
    (f"level: error\ntrace_id: {UUID_A}\nmsg: away", f"level: error\ntrace_id: {UUID_B}\nmsg: away"),
    ("[2026-11-08T00:38:12Z] How do I paint a door?", "[2026-11-09T00:38:12Z] How do I paint a door?"),
    ("[2026-11-08T00:38:12Z] Is the shop open?", "[2026-11-08T07:38:12Z] Is the shop open?"),
    ("timestamp=2026-11-08T11:00:00Z\nHow long until midnight?", "timestamp=2026-11-08T13:00:00Z\nHow long until midnight?"),
    (
        "current time: 2026-11-08T11:00:00Z\nHow do I paint a door?",
        "current time: 2026-11-08T11:00:00-08:00\nHow do I paint a door?",
    ),
    (f"request_id: {UUID_A}\nExplain what this does:\na\n\n", f"request_id: {UUID_A}\nExplain what this does:\na"),
    # JSON
    ('{"b": 1, "a": 2}', '{"a": 2, "b": 1}'),
    ('{"t": "Give me the first key of this", "a": 2}', '{"a": 2, "t": "Give me the first key of this"}'),
    ('{"t": "Tell me what this is for you", "a": 1}', '{"t": "Tell me what this is for you", "a": 1.0}'),
    ('{"t": "Tell me what this is for you", "a": [1, 2]}', '{"t": "Tell me what this is for you", "a": [2, 1]}'),
    ('{"t": "Tell me what this is for you", "a": 1, "a": 2}', '{"t": "Tell me what this is for you", "a": 2, "a": 1}'),
    ('{"t": "Tell me what this is for you", "a": "1"}', '{"t": "Tell me what this is for you", "a": 1}'),
    ('["a", "b"]', '["b", "a"]'),
]  # fmt: skip

BESIDE = [
    ("Translate the user's words into French.", "What's the time in here", "What is the time in here"),
    ("You are a classifier of intents.", "What is the time in here?", "what is the time in here"),
    ("Fix the code you get.", "Please explain what is in here", "explain what is in here"),
    ("Count the spaces in what you get.", " how is it with you ", "how is it with you"),
    ("Convert JSON to CSV.", '{"t": "Tell me what this is for you", "a": 2}', '{"a": 2, "t": "Tell me what this is for you"}'),
    ("Echo what you get.", '{"t": "Tell me what this is for you", "a": 2}', '{"a": 2, "t": "Tell me what this is for you"}'),
    ("Help the customers of our bank as well as you can. Be brief.", f"request_id: {UUID_A}\nHow can I cancel it?", f"request_id: {UUID_B}\nHow can I cancel it?"),
    ("Always tell the request id.", f"[{UUID_A}] How do I paint a door?", f"[{UUID_B}] How do I paint a door?"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), SAME)
def test_what_is_inert_in_an_instruction_does_not_count(one: str, other: str) -> None:
    assert are_twins(one, other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_what_may_be_payload_counts(one: str, other: str) -> None:
    assert not are_twins(one, other)


@pytest.mark.parametrize(("system", "one", "other"), BESIDE)
def test_an_instruction_beside_a_text_can_make_all_of_it_payload(system: str, one: str, other: str) -> None:
    assert not are_twins(one, other, beside=system)
    assert are_twins(one, one, beside=system)
