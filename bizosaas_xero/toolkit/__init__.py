"""What any connector over HTTP needs, whatever its service: requests, limits, retries, paging, sign-in.

A connector describes its service once (:class:`.service.Service`) and adds what is particular to it: the meaning of its
refusals, its limits, its pages.
"""
