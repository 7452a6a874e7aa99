"""One module a page: what it shows is read from the host, and what a form asks for is done by the host."""
