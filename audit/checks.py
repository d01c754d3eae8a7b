"""System checks: a production portal without a signer proves nothing to an outsider."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured

from audit import conf


@register("audit")
def check_vocabulary(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Load the vocabulary once, so that a slip shows at start."""
    return _loaded(conf.vocabulary)


@register(Tags.security, "audit", deploy=True)
def check_production(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Demand a signer, a second place and a rule of who reads, each one loadable."""
    problems = _loaded(conf.sink, conf.stored_checkpoints, conf.queue)
    if problems or settings.DEBUG:
        return problems
    if not conf.option("SIGNER"):
        problems.append(
            Error(
                "settings.AUDIT has no SIGNER: checkpoints would not be signed",
                hint="Name a callable that returns an Ed25519 signer.",
                id="audit.E002",
            )
        )
    if not conf.option("SINK") and not conf.option("FOLDER"):
        problems.append(
            Warning(
                "settings.AUDIT has neither SINK nor FOLDER: checkpoints have no second place",
                id="audit.W001",
            )
        )
    if not conf.option("CHAINS"):
        problems.append(
            Warning("settings.AUDIT has no CHAINS: nobody can read the trail", id="audit.W002")
        )
    return problems


def _loaded(*readers: Callable[[], object]) -> list[CheckMessage]:
    problems: list[CheckMessage] = []
    for read in readers:
        try:
            read()
        except (ImportError, ImproperlyConfigured) as error:
            problems.append(Error(f"settings.AUDIT: {error}", id="audit.E001"))
    return problems
