"""The shape of each kind of document, member by member as security teams write it; names are checked while reading."""
