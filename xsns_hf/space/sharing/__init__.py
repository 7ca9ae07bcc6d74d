"""Answers that are passed on: what is said of a link before it is opened, in words (`head`), as a `picture`.

A link enters, of which nothing is believed; tags in the head of the page and a PNG leave, by way of `middleware`.
"""
