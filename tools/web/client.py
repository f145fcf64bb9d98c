"""The way to ask a server: requests, with connections whose answers are bounded, and no look at redirects' bodies."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import PoolManager
from urllib3.connectionpool import HTTPConnectionPool

from omz.version import __version__
from omz.web.answers import Answer, current
from omz.web.patience import Patience

Auth = tuple[str, str] | Callable[[requests.PreparedRequest], requests.PreparedRequest] | None


class Session(requests.Session):
    """A session whose answers, and those of proxies on the way to them, are bounded; redirects are not followed.

    Args:
        connections: How many are kept open per server.
    """

    def __init__(self, connections: int = 10) -> None:
        super().__init__()
        self.headers["User-Agent"] = f"omz-toolkit/{__version__}"
        # What is hashed is the file, not a server's idea of how to pack it.
        self.headers["Accept-Encoding"] = "identity"
        for scheme in ("http://", "https://"):
            self.mount(scheme, _Adapter(pool_maxsize=connections))

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Hide redirects from requests, which would read their bodies, however large, before we see them."""
        return None

    def ask(
        self,
        url: str,
        patience: Patience,
        connect_s: float,
        headers: Mapping[str, str] | None = None,
        auth: Auth = None,
    ) -> requests.Response:
        """Ask for an address; returns the answer once its head is there.

        Args:
            url: Without credentials, or they would be in messages of the libraries.
            patience: What the answer may cost; also looked at while the body is read.
            connect_s: Longest wait for a connection, in seconds.
            headers: Of the request, beside those of the session.
            auth: As of :meth:`requests.Session.get`.

        Raises:
            AnswerError: The answer costs too much, or is malformed.
        """
        token = current.set(patience)
        try:
            timeout = connect_s, patience.left_s
            return self.get(
                url,
                stream=True,
                allow_redirects=False,
                timeout=timeout,
                headers=dict(headers or {}),
                auth=auth,
            )
        finally:
            current.reset(token)


def redirect_target(response: requests.Response) -> str | None:
    """Return where an answer redirects to, None if it does not.

    Raises:
        UnicodeError: That is no address.
    """
    return requests.Session.get_redirect_target(_PLAIN, response)


_PLAIN = requests.Session()


class _Adapter(HTTPAdapter):
    def init_poolmanager(
        self,
        connections: int,
        maxsize: int,
        block: bool = False,
        **options: Any,  # noqa: ANN401 - as in requests
    ) -> None:
        super().init_poolmanager(connections, maxsize, block, **options)
        _bound(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **options: Any) -> PoolManager:  # noqa: ANN401 - as in requests
        known = proxy in self.proxy_manager
        manager: PoolManager = super().proxy_manager_for(proxy, **options)
        if not known:
            _bound(manager)
        return manager


def _bound(manager: PoolManager) -> None:
    """Let the pools of a manager, whatever kind they are of, use connections whose answers are bounded."""
    manager.pool_classes_by_scheme = {
        scheme: _bounded(pool) for scheme, pool in manager.pool_classes_by_scheme.items()
    }


def _bounded(pool: type[HTTPConnectionPool]) -> type[HTTPConnectionPool]:
    base: Any = pool.ConnectionCls

    class Connection(base):  # type: ignore[misc]
        response_class = Answer

        def connect(self) -> None:
            """Connect; the time that it takes is the server's as well."""
            began = time.monotonic()
            super().connect()
            if patience := current.get(None):
                patience.spend(0, time.monotonic() - began)

    Connection.__name__ = base.__name__  # in messages
    return type(pool.__name__, (pool,), {"ConnectionCls": Connection})
