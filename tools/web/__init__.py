"""HTTP for whoever fetches files: answers of servers within bounds of bytes and of time (:mod:`omz.web.client`)."""
