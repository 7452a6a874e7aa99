"""A script: import one module in a fresh interpreter, and report what that touched.

It imports nothing of this package before it watches, because a connector does not have to import it.
"""

from __future__ import annotations

import json
import os
import sys
import sysconfig
import time

_CODE = (".py", ".pyc", ".so", ".pyd", ".pth", ".zip")
_NETWORK = {"socket.connect", "socket.getaddrinfo", "socket.bind", "socket.sendto"}
_OTHER = {"subprocess.Popen", "os.system", "sqlite3.connect", "os.mkdir", "os.remove", "os.rename"}


def _probe(module: str, path: list[str]) -> None:
    sys.path[:] = path
    top = module.partition(".")[0]
    touched: list[str] = []
    try:
        import pluggy  # noqa: F401 (libraries that every connector needs are not counted)
        import pydantic
    except ImportError:
        pass
    else:
        _ = (pydantic.BaseModel, pydantic.SecretStr, pydantic.AwareDatetime, pydantic.create_model)
    homes = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})

    def track_requests(event: str, args: tuple[object, ...]) -> None:
        if event in _NETWORK or event in _OTHER:
            touched.append(f"{event} {args[1] if event == 'socket.connect' else args[0]}")
        elif event == "open" and not isinstance(args[0], int):
            name, flags = os.fsdecode(str(args[0])), args[2] if isinstance(args[2], int) else 0
            writes = flags & (os.O_WRONLY | os.O_RDWR) and "__pycache__" not in name
            # An import may read code, data of libraries, and metadata of distributions (pydantic does).
            if writes or not (name.endswith(_CODE) or name.startswith(homes) or ".dist-info" in name):
                touched.append(f"file {name}")

    class Watched(os._Environ):  # type: ignore[type-arg]  # noqa: SLF001 (the only way to watch it)
        def __getitem__(self, key: str) -> str:
            frame = sys._getframe(1)  # noqa: SLF001 (the caller)
            while frame and frame.f_globals.get("__name__") in ("os", "_collections_abc", "collections.abc"):
                frame = frame.f_back  # type: ignore[assignment]
            if frame and str(frame.f_globals.get("__name__")).partition(".")[0] == top:
                touched.append(f"environment {key}")
            value: str = super().__getitem__(key)
            return value

    os.environ.__class__ = Watched
    sys.addaudithook(track_requests)
    started = time.perf_counter()
    __import__(module)
    spent = (time.perf_counter() - started) * 1000
    report = {"touched": touched, "ms": round(spent, 1), "modules": sorted(sys.modules)}
    print(json.dumps(report))  # noqa: T201 (read by the kit)


if __name__ == "__main__":
    _probe(sys.argv[1], json.loads(sys.argv[2]))
