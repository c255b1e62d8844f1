"""The whole demo, as a process and in a browser.

A package, so that its one shared demo ends with its tests: it goes on selling and polling, and
would take a good part of a core from all that follows.
"""
