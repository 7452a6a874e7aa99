"""One loaded connector: its hooks as typed methods, so that no other module touches pluggy."""

from __future__ import annotations

import functools
import inspect
import logging
import traceback
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, TypeVar

import pluggy

from bizosaas_xero.host import reasons
from bizosaas_xero.host.plugins.validation import Unstorable, from_foreign_error, require_storable
from bizosaas_xero.spec import (
    Action,
    ActionResult,
    AuthResult,
    Batch,
    ConnectorInfo,
    EntityInfo,
    Invalid,
    Unavailable,
    parse,
)
from bizosaas_xero.spec.models import Model

log = logging.getLogger(__name__)

M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Connector:
    """A connector that was discovered, registered and checked.

    Every method raises only :class:`~bizosaas_xero.spec.ConnectorError`: what else a connector raises is
    turned into ``unavailable`` with reason ``connector_failed``, and blames it by name.
    """

    name: str
    manager: pluggy.PluginManager
    distribution: str
    version: str
    target: str

    def auth(self, request: Mapping[str, Any]) -> AuthResult:
        """Do one step of authorisation (see :func:`bizosaas_xero.spec.hooks.auth`)."""
        with self._translate_errors():
            return self._validate_output(AuthResult, self.manager.hook.auth(request=request))

    def sync_entity(
        self,
        connection: Mapping[str, Any],
        entity: str,
        cursor: Mapping[str, Any] | None,
        options: Mapping[str, Any] | None,
    ) -> Generator[Batch, None, None]:
        """Read an entity lazily. Close the iterator to stop early."""
        # A generator hook comes back unstarted: its errors appear here, while it is consumed, so a pluggy
        # wrapper could neither time nor translate them.
        with self._translate_errors():
            batches = self.manager.hook.sync_entity(
                connection=connection, entity=entity, cursor=cursor, options=options
            )
            if not hasattr(batches, "__iter__"):
                raise self.failure(f"sync_entity gave {type(batches).__name__}, not an iterator of batches")
            iterator = iter(batches)
        try:
            while True:
                with self._translate_errors():
                    item = next(iterator, None)
                    batch = None if item is None else self._validate_batch(item)
                if batch is None:
                    return
                yield batch
                del item, batch  # not to be held while the next one is made
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()

    def _validate_batch(self, item: Any) -> Batch:
        batch = self._validate_output(Batch, item)
        try:
            require_storable(batch)
        except Unstorable as error:
            raise self.failure(str(error)) from None
        return batch

    def list_actions(self, connection: Mapping[str, Any] | None) -> list[Action]:
        """List the connector's actions; with a connection, also whether its grant allows each."""
        with self._translate_errors():
            actions = self.manager.hook.list_actions(connection=connection)
            return [self._validate_output(Action, action) for action in actions or ()]

    def run_action(
        self,
        connection: Mapping[str, Any],
        action: str,
        params: Mapping[str, Any] | None,
        control: Mapping[str, Any] | None,
    ) -> ActionResult:
        """Run, plan or commit an action."""
        with self._translate_errors():
            result = self.manager.hook.run_action(connection=connection, action=action, params=params, control=control)
            return self._validate_output(ActionResult, result)

    def describe(self) -> ConnectorInfo | None:
        """Describe the connector, or ``None`` where it does not implement this optional hook."""
        return self._info

    def entity(self, name: str) -> EntityInfo | None:
        """Describe one entity; ``None`` where the connector describes none.

        Raises:
            NotFound: if the connector describes its entities and this is none of them.
        """
        info = self._info
        if info is None:
            return None
        for entity in info.entities:
            if entity.name == name:
                return entity
        names = ", ".join(entity.name for entity in info.entities)
        raise reasons.UNKNOWN_ENTITY(title=info.title, name=name, names=names)

    @functools.cached_property
    def _info(self) -> ConnectorInfo | None:
        with self._translate_errors():
            described = self.manager.hook.describe()
            return None if described is None else self._validate_output(ConnectorInfo, described)

    def _validate_output(self, model: type[M], value: Any) -> M:
        """Accept a hook's result as model or mapping; blame the connector, not the caller, for another."""
        if value is None:
            raise self.failure(f"it gave no {model.__name__}")
        try:
            return parse(model, value, model.__name__)
        except Invalid as error:
            raise self.failure(f"its result is wrong: {error.message}") from None

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 (the edge: whatever a connector raises, it is to blame)
            adopted = from_foreign_error(error)
            if adopted is not None:
                raise adopted from None
            # Frames and the type only: a foreign message may quote a token.
            frames = traceback.extract_tb(error.__traceback__)
            log.debug("connector %s: %s\n%s", self.name, type(error).__name__, "".join(frames.format()))
            where = f"{PurePath(frames[-1].filename).name}:{frames[-1].lineno}"
            raise self.failure(f"{type(error).__name__} in {where}") from None

    def failure(self, what: str) -> Unavailable:
        """Make the error that blames this connector."""
        return reasons.CONNECTOR_FAILED(
            connector=self.name, distribution=self.distribution, version=self.version, what=what
        )


def find_defects(manager: pluggy.PluginManager, module: object, required: tuple[str, ...]) -> list[str]:
    """Find what pluggy accepts at registration and would fail or differ at the call."""
    callers = {caller.name: caller for caller in manager.get_hookcallers(module) or ()}
    found = [f"it lacks the hook {name!r} (is it marked with @hookimpl?)" for name in required if name not in callers]
    for name, caller in callers.items():
        for implementation in caller.get_hookimpls():
            if implementation.kwargnames:
                # pluggy 1.5 and 1.6 never pass such a parameter, 1.7 does: the same code, two meanings.
                found.append(f"{name!r} gives a default to: {', '.join(implementation.kwargnames)}")
            if inspect.iscoroutinefunction(implementation.function) or inspect.isasyncgenfunction(
                implementation.function
            ):
                found.append(f"{name!r} is async; hooks are synchronous")
    return found
