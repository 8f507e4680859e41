"""Where the texts of each wire format stand, one file each; see ``rewriter.Format``."""
