"""LocalEmu plugin: makes it behave like the parts of AWS that the AI Gateway Operator depends on.

`install` is the entry point; every other module fills one gap of LocalEmu and says which in its header.
"""
