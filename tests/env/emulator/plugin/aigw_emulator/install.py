"""The entry point: runs when LocalEmu starts, before it listens.

LocalEmu logs an exception of a hook and goes on without it; half a plugin would make tests lie, so any failure
here ends the process with one line on stderr.
"""

import logging
import os
import sys

from localemu.runtime import hooks

LOG = logging.getLogger(__name__)
EXIT_INCOMPATIBLE = 70

# Every operation that changes API Gateway state or lists it while it may change.
LOCKED_OPERATIONS = (
    "create_base_path_mapping",
    "create_deployment",
    "create_domain_name",
    "create_rest_api",
    "create_stage",
    "create_usage_plan",
    "create_api_key",
    "delete_base_path_mapping",
    "delete_deployment",
    "delete_domain_name",
    "delete_rest_api",
    "delete_stage",
    "get_api_keys",
    "get_domain_names",
    "get_rest_apis",
    "get_usage_plans",
    "get_usage_plan_keys",
    "put_rest_api",
    "tag_resource",
    "untag_resource",
    "update_api_key",
    "update_base_path_mapping",
    "update_domain_name",
    "update_rest_api",
    "update_stage",
    "update_usage_plan",
)

# Operations that LocalEmu leaves to moto.
LOCKED_IN_MOTO = ("create_usage_plan_key", "delete_usage_plan_key", "delete_usage_plan", "delete_api_key")


@hooks.on_infra_start()
def install() -> None:
    try:
        _install()
    except Exception as error:
        print(f"aigw_emulator: {error}", file=sys.stderr, flush=True)
        LOG.debug("installation failed", exc_info=True)
        os._exit(EXIT_INCOMPATIBLE)


def _install() -> None:
    from . import selfcheck

    selfcheck.check()
    # Imported only now: these modules need what the check just proved.
    from localemu.services.apigateway.next_gen.provider import ApigatewayNextGenProvider
    from moto.apigateway.models import APIGatewayBackend

    from . import (
        authorizer,
        data_plane,
        health,
        item_writes,
        lambda_api,
        lambda_lifecycle,
        openapi_import,
        paging,
        plan_rules,
        quiet,
        tags,
    )
    from .wrapping import lock_operations

    quiet.install()
    lambda_lifecycle.install()
    lambda_api.install()
    openapi_import.install()
    tags.install()
    plan_rules.install()
    authorizer.install_cache_flush()
    data_plane.install()
    paging.install()
    item_writes.install()
    lock_operations(ApigatewayNextGenProvider, LOCKED_OPERATIONS)
    lock_operations(APIGatewayBackend, LOCKED_IN_MOTO)
    health.install()
    LOG.info("aigw_emulator is installed")
