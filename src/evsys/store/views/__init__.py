"""Reads made for people: each one statement with one name, into records or Structs made of them.

A list has a page size and goes on from a cursor; each statement names the index that serves it. They run on
read-only connections of a `Reader`, in threads: never on the loop of a gateway.
"""
