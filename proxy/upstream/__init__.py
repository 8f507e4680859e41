"""The only room with sockets to models.

``wire`` sends a call: ``origin`` says where to, ``request`` writes its head, ``pool`` lends a ``connection`` (``dial``
opens one, and asks ``addresses`` whether it may), ``response`` reads what comes back and ``answer`` hands it on.
``demo`` is a stand-in for a provider, for the first run.
"""
