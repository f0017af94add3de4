"""``leadsla serve``: receive the CRM's hints that records changed."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Annotated, Any

import typer

from leadsla.cli.app import DEFAULT_CONFIG, ConfigOption, app
from leadsla.cli.exits import ConfigurationProblem
from leadsla.cli.loading import usable
from leadsla.cli.output import out
from leadsla.cli.runs import ended, tell
from leadsla.cli.schedule import say
from leadsla.settings import Settings
from leadsla.wiring import SecretsMissing, opened_store, webhook_of

HostOption = Annotated[str, typer.Option("--host", help="The address to listen on.")]
PortOption = Annotated[
    int, typer.Option("--port", help="The port to listen on; 0 for any.", min=0, max=65535)
]
PublicOption = Annotated[
    bool, typer.Option("--public", help="Allow an address that other machines reach. TLS is a proxy's job.")
]


@app.command()
def serve(
    config: ConfigOption = DEFAULT_CONFIG,
    host: HostOption = "127.0.0.1",
    port: PortOption = 8710,
    public: PublicOption = False,
) -> None:
    r"""Receive HubSpot's webhooks, so that `leadsla schedule` reads changed records sooner.

    Listens for POST /hints/CONNECTION. Every request must be signed by the app that
    \[connections.CONNECTION.webhook] names. A request only says which records to read again; nothing in it
    is believed. Without this command nothing is missed: polling reads every change.
    Put a proxy with TLS in front of it; HubSpot calls https addresses only.
    """
    settings, _ = usable(config)
    _refuse_open_address(host, public=public)
    webhooks, others = _webhooks(settings)
    from leadsla.listening import Server  # noqa: PLC0415 - both are slow to import and seldom used
    from leadsla.receiving import Receiver  # noqa: PLC0415

    with opened_store(settings) as store, _listening(host, port) as listener:
        receiver = Receiver(store, webhooks, others, say)
        address = f"http://{_shown(host)}:{listener.getsockname()[1]}"
        out.print(f"listening: {', '.join(f'{address}/hints/{name}' for name in webhooks)}", markup=False)
        Server(receiver.app()).run(sockets=[listener])


def _refuse_open_address(host: str, *, public: bool) -> None:
    try:
        is_own = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        is_own = False
    if not is_own and not public:
        raise ConfigurationProblem(
            f"{host} can be reached by other machines; put a proxy with TLS in front of 127.0.0.1,"
            " or say --public if that is meant"
        )


def _webhooks(settings: Settings) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    """(how to check requests, why there are none) by connection. Raises ConfigurationProblem, typer.Exit."""
    webhooks: dict[str, Any] = {}
    others: dict[str, str] = {}
    failed: dict[str, Exception] = {}
    for name, one in settings.connections.items():
        try:
            webhook = webhook_of(name, one)
        except SecretsMissing as error:
            failed[name] = error
            tell(error)
            continue
        if webhook is not None:
            webhooks[name] = webhook
        elif one.crm == "salesforce":
            others[name] = "Salesforce sends no hints here; leadsla polls it"
        else:
            others[name] = "this connection has no webhook; leadsla polls it"
    ended(failed)
    if not webhooks:
        raise ConfigurationProblem(
            "no connection has a webhook; add [connections.NAME.webhook] with `secret` and `url`,"
            " or leave it to polling, which misses nothing"
        )
    return webhooks, others


def _listening(host: str, port: int) -> socket.socket:
    from leadsla.listening import bound  # noqa: PLC0415

    try:
        return bound(host, port)
    except OSError as error:
        why = (error.strerror or "no reason given").lower()
        raise ConfigurationProblem(
            f"{host}:{port} cannot be listened on ({why}); choose another --port or --host"
        ) from None


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
