"""``python -m localcrm``: both practice CRMs with a story, an empty world, or your own exports."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from localcrm import server
from localcrm.clock import Clock
from localcrm.company import Company
from localcrm.exports import BadExport, read_exports
from localcrm.story import tell


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT. Exit code 0; 1 a port is taken; 2 wrong options or exports."""
    options = _parser().parse_args(arguments)
    if options.activities and not options.leads:
        _parser().error("--activities needs --leads")
    sockets = {}
    try:
        sockets["salesforce"] = server.bound(options.salesforce_port)
        sockets["hubspot"] = server.bound(options.hubspot_port)
        real_now = datetime.now(UTC)
        company = _company(options, real_now)
        start = options.now
        if start is None and company is not None and company.told_until > real_now:
            start = company.told_until
        clock = Clock(start, frozen=options.frozen)
        faces = server.faces(
            clock,
            limits=options.limits == "real",
            search_lag=options.search_lag,
            hubspot={"leads": options.leads_object},
        )
        if company is not None:
            for face in faces.values():
                face.load(company)
        server.serve(faces, sockets, _announce)
    except server.PortTaken as problem:
        return _complain(str(problem), 1)
    except BadExport as problem:
        return _complain(str(problem), 2)
    except KeyboardInterrupt:
        return 0
    finally:
        for one in sockets.values():
            one.close()
    return 0


def _announce(urls: Mapping[str, str]) -> None:
    sys.stdout.write(json.dumps(dict(urls)) + "\n")
    sys.stdout.flush()


def _complain(text: str, code: int) -> int:
    sys.stderr.write(f"localcrm: {text}\n")
    return code


def _company(options: argparse.Namespace, real_now: datetime) -> Company | None:
    """What the CRMs start with; None for an empty world."""
    if options.leads:
        return read_exports(options.leads, options.activities, until=options.now, at_least=real_now)
    if options.world == "empty":
        return None
    return tell(options.seed, options.size, options.now or real_now)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="localcrm", description="A practice Salesforce and a practice HubSpot on this machine."
    )
    parser.add_argument("--salesforce-port", type=_port, default=8701, help="0: any free one")
    parser.add_argument("--hubspot-port", type=_port, default=8702, help="0: any free one")
    parser.add_argument("--world", choices=["story", "empty"], default="story", help="what to start with")
    parser.add_argument("--leads", type=Path, metavar="FILE.csv", help="start with these leads instead")
    parser.add_argument("--activities", type=Path, metavar="FILE.csv", help="what happened to them")
    parser.add_argument("--seed", type=int, default=1, help="another seed, another story")
    parser.add_argument("--size", type=_size, default=240, help="leads in the story")
    parser.add_argument("--limits", choices=["real", "off"], default="real", help="call limits")
    parser.add_argument(
        "--search-lag", type=_seconds, default=0.0, metavar="SECONDS", help="how late HubSpot's search knows"
    )
    parser.add_argument(
        "--leads-object", action="store_true", help="HubSpot has the leads object, filled from the story"
    )
    parser.add_argument(
        "--now", type=_instant, metavar="INSTANT", help="where the CRMs' clock starts (default: now)"
    )
    parser.add_argument("--frozen", action="store_true", help="the CRMs' clock stands still")
    return parser


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return port


def _size(text: str) -> int:
    size = int(text)
    if size < 0:
        raise argparse.ArgumentTypeError("a size is 0 or more")
    return size


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError("seconds are 0 or more")
    return seconds


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("give an instant such as 2026-11-20T12:00:00Z") from None
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _leave)  # until the server listens and stops by itself
    sys.exit(main())
