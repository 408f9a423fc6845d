"""What can be told of a scripted module without Slicer: rules over its source, one file a family of rules.

A rule is a function; the name of the function is the name of the rule.
"""
